"""What a candidate's thresholds are drawn towards."""

from pathlib import Path

import pytest
import torch

from detection.ensemble import Ensemble
from ml.training.operating_point import PreviousOperatingPoint
from tests.factories.bundles import small_bundle


def test_the_point_before_is_the_one_in_production(tmp_path: Path) -> None:
    torch.manual_seed(0)
    place = small_bundle(tmp_path / "bundle")
    trained, moved = Ensemble.load(place), Ensemble.load(place, shift=0.7)
    assert PreviousOperatingPoint.of(trained, 0.7).thresholds == pytest.approx(list(moved.thresholds))
    assert PreviousOperatingPoint.of(trained).thresholds == pytest.approx(list(trained.thresholds))
    assert list(moved.thresholds) != list(trained.thresholds)
