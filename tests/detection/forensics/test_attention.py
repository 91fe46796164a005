from pathlib import Path

import numpy as np
from PIL import Image

from detection.ensemble import Ensemble
from detection.forensics.attention import GRID, occlusion, overlay
from tests.detection.forensics.test_jpeg import photograph
from tests.detection.tiny import tiny_bundle


def test_a_map_has_a_value_for_each_cell_and_repeats_itself(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "tiny")
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    first, second = occlusion(ensemble, photograph()), occlusion(ensemble, photograph())
    assert first.shape == (GRID, GRID)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)


def test_covering_a_flat_picture_changes_nothing(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "tiny")
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    heat = occlusion(ensemble, Image.new("RGB", (200, 200), (120, 120, 120)))
    assert np.abs(heat).max() < 1e-3
    assert overlay(heat, (50, 50)).getchannel("A").getextrema() == (0, 0)


def test_the_overlay_is_densest_where_suspicion_goes_and_shows_no_negative_part() -> None:
    heat = np.zeros((GRID, GRID), np.float32)
    heat[2, 7], heat[8, 1] = 1.0, -1.0
    alpha = np.asarray(overlay(heat, (100, 100)).getchannel("A"))
    assert np.unravel_index(alpha.argmax(), alpha.shape) in [
        (y, x) for y in range(20, 31) for x in range(70, 81)
    ]
    assert alpha[85, 15] == 0
