from pathlib import Path

import numpy as np
import torch
from PIL import Image

from detection.auxiliary import load_auxiliary_model
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from ml.training.localise import localisation_metrics, write_localiser
from ml.training.sides import SplitSide
from tests.factories.bundles import TINY
from tests.factories.training_rows import training_rows

NAME = "convnext_zepto_rms_ols"


def model() -> WithMaskHead:
    torch.manual_seed(0)
    return WithMaskHead(convnext(NAME, **TINY)).eval()


def test_masks_are_measured_beside_one_mask_for_every_face() -> None:
    rows = training_rows(24)
    side = SplitSide(rows, np.array(["a"] * len(rows.label)), np.repeat(np.arange(24), 2))
    found = localisation_metrics(model(), side, side)
    assert found["pixel_f1_by_position_only"]["value"] > 0.95  # the edit lies at one place in all of them
    assert found["most_suspect_pixel_by_position_only"]["value"] == 1
    assert found["auc"]["n"] == 48
    assert 0 <= found["marked_share_of_real"] <= 1


def test_what_is_written_marks_the_centre_square_of_a_picture(tmp_path: Path) -> None:
    trained = model()
    write_localiser(
        tmp_path,
        trained,
        architecture=NAME,
        arguments=TINY,
        metrics={"auc": {"value": 0.7}},
        provenance={"bundle": "b"},
    )
    pixels = np.random.default_rng(0).integers(0, 256, (320, 240, 3), dtype=np.uint8)
    auxiliary = load_auxiliary_model(tmp_path)
    mask = auxiliary.mask(Image.fromarray(pixels))
    assert mask is not None
    assert mask.shape == (320, 240)
    assert not mask[:40].any()
    assert not mask[280:].any()
    assert (mask[40:280] > 0).all()
    score = auxiliary.score(Image.fromarray(pixels))
    assert score is not None
    assert 0 < score < 1
