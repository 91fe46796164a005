"""Weights by one over the chance of being labelled, against computations of another kind."""

from fractions import Fraction

import numpy as np
import pytest

from ml.inverse_probability import effective_size, inverse_probability_weights


def test_effective_size_is_kishs_fraction() -> None:
    assert effective_size(np.ones(7)) == 7
    weights = [1, 1, 1, 97]
    expected = Fraction(sum(weights)) ** 2 / sum(Fraction(w) ** 2 for w in weights)
    assert effective_size(np.array(weights, float)) == pytest.approx(float(expected))


def test_weights_are_truncated_and_then_normalised_within_each_label() -> None:
    raw = np.array([1.0, 3.0, 50.0, 1.0, 1.0])
    label = np.array([0, 0, 0, 1, 1])
    found = inverse_probability_weights(raw, label, most=20)
    assert found.weight.tolist() == pytest.approx([1 / 8, 3 / 8, 20 / 8, 1, 1])
    assert found.truncated == 1
    assert found.effective == {"real": round(24**2 / (1 + 9 + 400), 1), "fake": 2.0}
    assert [found.weight[label == value].mean() for value in (0, 1)] == pytest.approx([1, 1])


def test_equal_chances_leave_everything_as_it_is() -> None:
    for raw in (1.0, 25.0):
        found = inverse_probability_weights(np.full(6, raw), np.array([0, 1] * 3), most=20)
        assert found.weight.tolist() == [1.0] * 6
        assert found.effective == {"real": 3.0, "fake": 3.0}


def test_what_is_weighed_estimates_the_whole_and_what_is_not_does_not() -> None:
    """Horvitz and Thompson's point, by drawing: a third of the population is seen always, the rest one time in ten."""
    rng = np.random.default_rng(0)
    value = rng.normal(0, 1, 3000)
    chance = np.where(value > 0.4, 1.0, 0.1)  # what is flagged differs from what is not
    plain, weighed = [], []
    for _ in range(200):
        seen = rng.random(3000) < chance
        weight = inverse_probability_weights(1 / chance[seen], np.zeros(seen.sum()), most=1000).weight
        plain.append(value[seen].mean())
        weighed.append((weight * value[seen]).mean())
    assert abs(np.mean(weighed) - value.mean()) < 0.01
    assert np.mean(plain) - value.mean() > 0.5


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_no_chance_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        inverse_probability_weights(np.array([1.0, bad]), np.array([0, 1]))
    with pytest.raises(ValueError, match="cannot be truncated"):
        inverse_probability_weights(np.array([1.0]), np.array([0]), most=0.5)
