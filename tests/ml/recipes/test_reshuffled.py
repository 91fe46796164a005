"""A split that is shuffled at every pass does not divide a set, and a nearest neighbour shows it."""

import numpy as np
import pytest

from ml.recipes.reshuffled import Reshuffled, drawn, neighbour_under_reshuffling, neighbours_call, thumbnails


def test_a_part_is_drawn_again_in_every_epoch_and_four_fifths_of_validation_were_trained_on_just_before() -> (
    None
):
    first, second = (drawn(2040, "validation", 0, epoch) for epoch in (0, 1))
    assert len(first) == 204
    assert sorted(first) != sorted(second)
    assert (drawn(2040, "validation", 0, 1) == second).all()
    shares = [np.isin(drawn(2040, "validation", 0, k), drawn(2040, "train", 0, k)).mean() for k in range(40)]
    assert np.mean(shares) == pytest.approx(0.8, abs=0.01)


def test_rows_of_an_epoch_are_those_drawn_for_it() -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    rows = Reshuffled(inputs, np.arange(50) % 2, "train", 3).in_epoch(2)
    assert (rows.rows == drawn(50, "train", 3, 2)).all()


def test_on_pictures_without_a_pattern_the_neighbour_is_at_chance_held_out_and_at_nine_tenths_reshuffled() -> (
    None
):
    rng = np.random.default_rng(0)
    inputs, label = rng.integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8), rng.integers(0, 2, 1000)
    small = thumbnails(inputs)
    assert small.shape == (1000, 3072)
    right = neighbours_call(small, label, np.arange(800), np.arange(800, 1000)) == label[800:]
    assert right.mean() == pytest.approx(0.5, abs=0.1)
    found = neighbour_under_reshuffling(small, label, seed=0)
    assert found.value == pytest.approx(0.8 + 0.2 * 0.5, abs=0.02)
    assert found.low < found.value < found.high
