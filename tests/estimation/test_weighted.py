import random

import pytest

from estimation.weighted import effective_sample_size, paired_cells, weighted_rate


def test_a_row_with_chance_one_in_ten_counts_for_ten() -> None:
    assert weighted_rate([True, True, False], [1, 1, 10]) == pytest.approx(2 / 12)


def test_nineteen_fakes_of_which_two_were_audited_count_like_nine() -> None:
    # 17 flagged, two audited with chances of about one in six: the case that an admin met.
    assert effective_sample_size([1.0] * 17 + [5.96, 6.17]) == pytest.approx(9.4, abs=0.05)


def test_equal_weights_count_as_they_are() -> None:
    assert effective_sample_size([4.0] * 7) == pytest.approx(7)
    assert weighted_rate([True, False, False, False], [4.0] * 4) == 0.25


def test_the_paired_difference_is_the_difference_of_the_rates() -> None:
    rng = random.Random(0)
    first, second = ([rng.random() < 0.6 for _ in range(200)] for _ in range(2))
    weights = [rng.choice([1.0, 20.0]) for _ in range(200)]
    cells = paired_cells(first, second, weights)
    assert cells.first_rate == pytest.approx(weighted_rate(first, weights))
    assert cells.second_rate == pytest.approx(weighted_rate(second, weights))
    assert cells.difference == pytest.approx(cells.second_rate - cells.first_rate)


def test_the_weighted_rate_is_unbiased_where_the_unweighted_one_is_not() -> None:
    rng = random.Random(1)
    estimates, plain = [], []
    for _ in range(200):
        risk = [rng.random() for _ in range(600)]  # hit: above 0.7; seen surely above 0.6, else one in five
        seen = [(r, 1.0 if r > 0.6 else 5.0) for r in risk if r > 0.6 or rng.random() < 0.2]
        hits = [r > 0.7 for r, _ in seen]
        estimates.append(weighted_rate(hits, [w for _, w in seen]))
        plain.append(sum(hits) / len(hits))
    assert sum(estimates) / 200 == pytest.approx(0.3, abs=0.01)
    assert sum(plain) / 200 > 0.5


@pytest.mark.parametrize("weights", [[], [0.5], [float("nan")], [float("inf")]])
def test_weights_that_are_no_inverse_chances_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        weighted_rate([True] * len(weights), weights)
