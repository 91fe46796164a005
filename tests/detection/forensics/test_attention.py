from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from detection.ensemble import Ensemble, members
from detection.faces.align import FaceFrame
from detection.forensics.attention import BLUR, GRID, attribution, overlay
from detection.preprocess import standardise
from detection.views import crop
from tests.factories.bundles import tiny_bundle
from tests.factories.photographs import photograph


@pytest.mark.parametrize("anchor", ["centre", "face"])
def test_a_map_adds_up_to_what_the_detail_adds(tmp_path: Path, anchor: str) -> None:
    """Completeness: the cells' sum is the difference of the mean log-odds between the picture and its blurred copy."""
    tiny_bundle(tmp_path / "tiny", frame=anchor)
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    picture = photograph()
    width, height = picture.size
    # Small enough that the whole view lies in the picture.
    frame = FaceFrame((0.45 * width, 0.4 * height), (0.55 * width, 0.42 * height), width, height)
    expected = 0.0
    for member, network in zip(ensemble.bundle.members, members(ensemble.bundle), strict=True):
        near = Image.fromarray(crop(picture, member.view, frame))
        soft = near.filter(ImageFilter.GaussianBlur(member.view.side * BLUR))
        pixels = torch.from_numpy(np.stack([np.array(near), np.array(soft)]))
        with torch.inference_mode():
            logits = network(standardise(pixels))
        odds = (logits[:, 1] - logits[:, 0]) / member.temperature
        expected += float(odds[0] - odds[1]) / 4
    found = attribution(ensemble, picture, frame)
    assert found.shape == (GRID, GRID)
    assert abs(float(found.sum()) - expected) < 0.25 * abs(expected) + 0.05


def test_the_map_of_a_face_lies_on_the_face(tmp_path: Path) -> None:
    """Of views in one corner, nothing reaches the others."""
    tiny_bundle(tmp_path / "tiny", frame="face")
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    picture = photograph().resize((400, 400))
    in_corner, in_centre = (FaceFrame((x, x), (x + 20, x + 4), 400, 400) for x in (40, 190))
    moved = attribution(ensemble, picture, in_corner) - attribution(ensemble, picture, in_centre)
    # Members that look at the centre give both maps the same part.
    assert np.abs(moved[: GRID // 3, : GRID // 3]).max() > 1e-4
    assert np.abs(moved[: GRID // 3, GRID * 2 // 3 :]).max() < 1e-6
    assert np.abs(moved[GRID * 2 // 3 :, : GRID // 3]).max() < 1e-6


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
