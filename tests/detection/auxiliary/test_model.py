import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from detection.auxiliary import AuxiliaryModelRefused, load_auxiliary_model, shipped_auxiliary_models
from detection.auxiliary.model import _reduced
from detection.auxiliary_files import FACE_EXTENT
from detection.bundle import View
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import FileGrid, compression_cells
from detection.networks.dual_branch import DualBranch
from detection.networks.pooled_lite0 import PooledLite0
from detection.views import FaceFrameMissing, crop
from ml.cli import main
from tests.factories.auxiliary_models import MEASURED, written


def picture(width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_mask_network_gives_a_mask_in_the_pictures_proportions_and_a_score(tmp_path: Path) -> None:
    auxiliary = written(tmp_path)
    mask = auxiliary.mask(picture())
    assert mask.shape == (40, 60)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    assert 0 <= auxiliary.score(picture()) <= 1
    assert auxiliary.mask(picture(3000, 1500)).shape == (512, 1024)
    assert auxiliary.metrics == MEASURED


def test_a_classifier_gives_a_score_and_no_mask(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DualBranch(side=16, filters=2, cells=4)
    arguments = {"side": 16, "filters": 2, "cells": 4}
    auxiliary = written(
        tmp_path, network=network, architecture="dual_branch", arguments=arguments, view="dual", side=16
    )
    assert auxiliary.mask(picture()) is None
    assert 0 < auxiliary.score(picture()) < 1
    assert auxiliary.score(picture()) == load_auxiliary_model(tmp_path).score(picture())


def test_other_weights_than_the_manifest_names_are_refused(tmp_path: Path) -> None:
    written(tmp_path)
    raw = bytearray((tmp_path / "weights.safetensors").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(raw)
    with pytest.raises(AuxiliaryModelRefused, match="its SHA-256 differs"):
        load_auxiliary_model(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", "other", "expected format kyc-review/auxiliary-model/1"),
        ("architecture", "os.system", "unknown architecture 'os.system'"),
        ("view", "raw", "unknown view 'raw'"),
        ("side", 9999, "a side of 9999 is out of range"),
        ("review_above", 1.5, r"a threshold of 1\.5 is out of range"),
        ("metrics", {}, "it holds no measured figures"),
        ("name", "../u", "characters that are not allowed"),
        ("arguments", {"width": 8}, "does not describe its network"),
        ("arguments", {"colour": 8}, "does not describe its network"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, key: str, value: object, complaint: str
) -> None:
    written(tmp_path)
    manifest = json.loads((tmp_path / "auxiliary.json").read_text())
    (tmp_path / "auxiliary.json").write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(AuxiliaryModelRefused, match=complaint):
        load_auxiliary_model(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuxiliaryModelRefused, match=r"is not an auxiliary model .* expected auxiliary\.json"):
        load_auxiliary_model(tmp_path)


def test_every_shipped_model_loads_is_small_and_says_what_it_is_worth() -> None:
    for path in shipped_auxiliary_models():
        auxiliary = load_auxiliary_model(path)
        assert auxiliary.name == path.name
        assert (path / "weights.safetensors").stat().st_size < 4_000_000
        assert auxiliary.metrics["auc"]["low"] > 0.5
        image, place = picture(200, 240), FaceFrame((70, 90), (130, 92), 200, 240)
        score = auxiliary.score(
            image, place, compression_cells(image, place, FileGrid(np.full((8, 8), 4), 1))
        )
        assert score is not None
        assert 0 <= score <= 1


def test_a_model_of_the_face_sees_the_aligned_crop_and_needs_the_faces_place(tmp_path: Path) -> None:
    torch.manual_seed(0)
    auxiliary = written(
        tmp_path,
        network=PooledLite0(),
        architecture="pooled_lite0",
        arguments={},
        view="face",
        side=64,
        review_above=0.9,
    )
    assert (auxiliary.sees_faces, auxiliary.review_above) == (True, 0.9)
    image, place = picture(200, 240), FaceFrame((70, 90), (130, 92), 200, 240)
    seen = (
        torch.from_numpy(crop(image, View(64, FACE_EXTENT, frame="face"), place)).permute(2, 0, 1)[None] / 255
    )
    with torch.inference_mode():
        logits = auxiliary.network(seen.float())
    assert auxiliary.score(image, place) == pytest.approx(float(logits.softmax(1)[0, 1]), abs=0.02)
    with pytest.raises(FaceFrameMissing):
        auxiliary.score(image)


def test_the_pooled_features_are_those_of_the_early_blocks() -> None:
    """Mean and deviation of each channel at strides 4, 8 and 16, against timm's own maps."""
    torch.manual_seed(0)
    network = PooledLite0().eval()
    parts: Any = network.parts
    early: Any = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3)).eval()
    blocks = {"conv_stem": parts[0][0], "bn1": parts[0][1]}
    for name, part in blocks.items():
        getattr(early, name).load_state_dict(part.state_dict())
    own = [*parts[0][2:], parts[1], *parts[2]]
    for theirs, part in zip(early.blocks, own, strict=False):
        theirs.load_state_dict(part.state_dict())
    x = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        found, maps = network.pooled(x), early(x * 2 - 1)
    wanted = torch.cat([each for map_ in maps for each in (map_.mean((2, 3)), map_.std((2, 3)))], 1)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["U", "D"])
def test_a_recipe_exports_what_the_workbench_loads(name: str, tmp_path: Path) -> None:
    out, shown = str(tmp_path / "out"), tmp_path / "shown"
    assert main(["run", name, "--smoke", "--quiet", "--out", out, "--export", str(shown)]) == 0
    auxiliary = load_auxiliary_model(shown)
    assert auxiliary.name == name.lower()
    assert set(auxiliary.metrics["auc"]) == {"value", "low", "high", "n"}
    assert auxiliary.provenance["seed"] == 0
    assert (auxiliary.mask(picture()) is None) == (name == "D")


PEAK_MB = """
import resource, sys
from PIL import Image
from detection.auxiliary.model import _reduced

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

image = Image.new("RGB", (9000, 7000), "white")
before = peak_mb()
assert _reduced(image).size == (2048, 1593)
print(peak_mb() - before)
"""


@pytest.mark.slow
def test_a_picture_of_63_megapixels_is_reduced_without_a_full_copy() -> None:
    """A copy has 252 MB; the reduced picture has 13."""
    run = subprocess.run([sys.executable, "-c", PEAK_MB], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 100


@pytest.mark.parametrize("size", [(3000, 4000), (2049, 1000), (3000, 1999), (2048, 2048), (100, 60)])
def test_a_reduced_picture_has_the_pixels_that_the_networks_were_measured_with(
    size: tuple[int, int],
) -> None:
    image = Image.effect_noise(size, 60).convert("RGB")
    expected = image.copy()
    expected.thumbnail((2048, 2048), Image.Resampling.BOX)
    assert np.array_equal(np.asarray(_reduced(image)), np.asarray(expected))
