import random

import pytest
from scipy import stats

from estimation.weighted import effective_sample_size, weighted_interval, weighted_rate


def test_a_row_with_chance_one_in_ten_counts_for_ten() -> None:
    assert weighted_rate([True, True, False], [1, 1, 10]) == pytest.approx(2 / 12)


def test_nineteen_fakes_of_which_two_were_audited_count_like_nine() -> None:
    # 17 flagged, two audited with chances of about one in six: the case that an admin met.
    assert effective_sample_size([1.0] * 17 + [5.96, 6.17]) == pytest.approx(9.4, abs=0.05)


def test_equal_weights_count_as_they_are() -> None:
    assert effective_sample_size([4.0] * 7) == pytest.approx(7)
    assert weighted_rate([True, False, False, False], [4.0] * 4) == 0.25


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


@pytest.mark.parametrize(("found", "total"), [(0, 5), (1, 2), (3, 40), (40, 40), (250, 1000)])
@pytest.mark.parametrize("weight", [1.0, 20.0])
def test_with_equal_weights_the_interval_is_clopper_and_pearsons(
    found: int, total: int, weight: float
) -> None:
    hits = [True] * found + [False] * (total - found)
    exact = stats.binomtest(found, total).proportion_ci(0.95, method="exact")
    assert weighted_interval(hits, [weight] * total) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_of_nothing_nothing_is_known() -> None:
    assert weighted_interval([], []) == (0.0, 1.0)


@pytest.mark.parametrize("early_rate", [0.02, 0.3])
def test_the_interval_holds_the_truth_where_the_share_was_raised(early_rate: float) -> None:
    """6000 pictures sent back while one in fifty was drawn, then 1000 while half were; the early ones differ."""
    rng = random.Random(2)
    truth = (6000 * early_rate + 1000 * 0.1) / 7000
    held = unweighted_held = 0
    runs = 300
    for _ in range(runs):
        drawn = [(rng.random() < early_rate, 50.0) for _ in range(_binomial(rng, 6000, 0.02))]
        drawn += [(rng.random() < 0.1, 2.0) for _ in range(_binomial(rng, 1000, 0.5))]
        hits = [hit for hit, _ in drawn]
        low, high = weighted_interval(hits, [weight for _, weight in drawn])
        held += low <= truth <= high
        low, high = weighted_interval(hits, [1.0] * len(hits))
        unweighted_held += low <= truth <= high
    assert held >= 0.93 * runs  # 95 %, and the noise of 300 runs
    assert unweighted_held < 0.5 * runs


def test_rare_heavy_hits_widen_the_upper_limit() -> None:
    """None of 20 early pictures was usable, and none of 500 late ones: the 500 say nothing of the early ones."""
    _, high = weighted_interval([False] * 520, [50.0] * 20 + [2.0] * 500)
    assert high > stats.binomtest(0, 20).proportion_ci(0.95).high * 1000 / 2000


def _binomial(rng: random.Random, number: int, chance: float) -> int:
    return sum(rng.random() < chance for _ in range(number))
