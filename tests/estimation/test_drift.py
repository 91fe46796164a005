"""Drift, against independent computations."""

import math

import numpy as np
import pytest

from estimation.drift import changed_by, stability_index


def test_the_index_is_the_one_that_numpy_computes() -> None:
    rng = np.random.default_rng(0)
    reference, recent = rng.beta(2, 5, 5000), rng.beta(2.6, 5, 3000)
    cuts = np.sort(reference)[[len(reference) * k // 10 for k in range(1, 10)]]
    p = np.bincount(np.searchsorted(cuts, reference, side="right"), minlength=10) / len(reference)
    q = np.bincount(np.searchsorted(cuts, recent, side="right"), minlength=10) / len(recent)
    expected = ((q - p) * np.log(q / p)).sum()
    assert stability_index(list(reference), list(recent)) == pytest.approx(expected)
    assert 0.05 < expected < 0.5


def test_the_same_sample_has_no_drift_and_another_world_has_much() -> None:
    values = [k / 1000 for k in range(1000)]
    assert stability_index(values, values) == pytest.approx(0, abs=1e-9)
    assert stability_index(values, [1.5] * 300) > 5
    assert math.isfinite(stability_index([0.0] * 300, [0.0] * 300))


def test_nothing_cannot_drift() -> None:
    with pytest.raises(ValueError, match="both samples"):
        stability_index([], [0.1])


def test_a_change_of_shares_is_told_in_standard_errors() -> None:
    change, errors = changed_by((100, 1000), (150, 1000))
    assert change == pytest.approx(0.05)
    assert errors == pytest.approx(0.05 / math.sqrt(0.125 * 0.875 * 2 / 1000))
    assert changed_by((0, 10), (0, 10)) == (0.0, 0.0)
