from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from detection.ensemble import Ensemble, members
from detection.forensics.attention import BLUR, GRID, attribution, overlay
from detection.preprocess import crop, standardise
from tests.factories.bundles import tiny_bundle
from tests.factories.photographs import photograph


def test_a_map_adds_up_to_what_the_detail_adds(tmp_path: Path) -> None:
    """Completeness: the cells' sum is the difference of the mean log-odds between the picture and its blurred copy."""
    tiny_bundle(tmp_path / "tiny")
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    picture = photograph()
    expected = 0.0
    for member, network in zip(ensemble.bundle.members, members(ensemble.bundle), strict=True):
        near = Image.fromarray(crop(picture, member.view))
        soft = near.filter(ImageFilter.GaussianBlur(member.view.side * BLUR))
        pixels = torch.from_numpy(np.stack([np.array(near), np.array(soft)]))
        with torch.inference_mode():
            logits = network(standardise(pixels))
        odds = (logits[:, 1] - logits[:, 0]) / member.temperature
        expected += float(odds[0] - odds[1]) / 4
    found = attribution(ensemble, picture)
    assert found.shape == (GRID, GRID)
    assert abs(float(found.sum()) - expected) < 0.25 * abs(expected) + 0.05


def test_a_flat_picture_has_no_detail_to_look_at(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "tiny")
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    heat = attribution(ensemble, Image.new("RGB", (200, 200), (120, 120, 120)))
    assert np.abs(heat).max() < 1e-3
    assert overlay(heat, (50, 50)).getchannel("A").getextrema() == (0, 0)


def test_the_overlay_is_densest_where_suspicion_goes_and_shows_no_negative_part() -> None:
    heat = np.zeros((GRID, GRID), np.float32)
    heat[2, 7], heat[8, 1] = 1.0, -1.0
    alpha = np.asarray(overlay(heat, (100, 100)).getchannel("A"))
    assert np.unravel_index(alpha.argmax(), alpha.shape) in [
        (y, x) for y in range(4, 13) for x in range(18, 28)
    ]
    assert alpha[27, 4] == 0
