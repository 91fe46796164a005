import json

import numpy as np
import pytest
import torch
from PIL import Image

from detection.networks.dual_branch import DualBranch
from detection.opinions import OpinionRefused, load, shipped
from ml.cli import main
from tests.factories.opinions import MEASURED, written


def picture(width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_mask_network_gives_a_mask_in_the_pictures_proportions_and_a_score(tmp_path):
    opinion = written(tmp_path)
    mask = opinion.mask(picture())
    assert mask.shape == (40, 60)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    assert 0 <= opinion.score(picture()) <= 1
    assert opinion.mask(picture(3000, 1500)).shape == (512, 1024)
    assert opinion.metrics == MEASURED


def test_a_classifier_gives_a_score_and_no_mask(tmp_path):
    torch.manual_seed(0)
    network = DualBranch(side=16, filters=2, cells=4)
    arguments = {"side": 16, "filters": 2, "cells": 4}
    opinion = written(
        tmp_path, network=network, architecture="dual_branch", arguments=arguments, view="dual", side=16
    )
    assert opinion.mask(picture()) is None
    assert 0 < opinion.score(picture()) < 1
    assert opinion.score(picture()) == load(tmp_path).score(picture())


def test_other_weights_than_the_manifest_names_are_refused(tmp_path):
    written(tmp_path)
    raw = bytearray((tmp_path / "weights.safetensors").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(raw)
    with pytest.raises(OpinionRefused, match="its SHA-256 differs"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", "other", "expected format kyc-review/opinion/1"),
        ("architecture", "os.system", "unknown architecture 'os.system'"),
        ("view", "raw", "unknown view 'raw'"),
        ("side", 9999, "a side of 9999 is out of range"),
        ("metrics", {}, "it holds no measured figures"),
        ("name", "../u", "characters that are not allowed"),
        ("arguments", {"width": 8}, "does not describe its network"),
        ("arguments", {"colour": 8}, "does not describe its network"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path, key, value, complaint):
    written(tmp_path)
    manifest = json.loads((tmp_path / "opinion.json").read_text())
    (tmp_path / "opinion.json").write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(OpinionRefused, match=complaint):
        load(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(OpinionRefused, match=r"is not an additional detector .* expected opinion\.json"):
        load(tmp_path)


def test_every_shipped_opinion_loads_is_small_and_says_what_it_is_worth():
    for path in shipped():
        opinion = load(path)
        assert opinion.name == path.name
        assert (path / "weights.safetensors").stat().st_size < 4_000_000
        assert opinion.metrics["auc"]["low"] > 0.5
        assert 0 <= opinion.score(picture(200, 240)) <= 1


@pytest.mark.parametrize("name", ["U", "D"])
def test_a_recipe_exports_what_the_workbench_loads(name, tmp_path):
    out, shown = str(tmp_path / "out"), tmp_path / "shown"
    assert main(["run", name, "--smoke", "--quiet", "--out", out, "--export", str(shown)]) == 0
    opinion = load(shown)
    assert opinion.name == name.lower()
    assert set(opinion.metrics["auc"]) == {"value", "low", "high", "n"}
    assert opinion.provenance["seed"] == 0
    assert (opinion.mask(picture()) is None) == (name == "D")
