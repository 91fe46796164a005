"""Intervals and bounds, against SciPy, published values and what they promise."""

import math

import pytest
from scipy import stats

from estimation.intervals import Rate, beta_quantile, clopper_pearson_lower, clopper_pearson_upper, wilson


@pytest.mark.parametrize(
    ("found", "of"), [(0, 1), (0, 640), (1, 640), (7, 90), (250, 1000), (3, 1_000_000), (99, 100)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_it_is_the_bound_of_clopper_and_pearson(found: int, of: int, confidence: float) -> None:
    expected = stats.beta.ppf(confidence, found + 1, of - found)
    assert math.isclose(clopper_pearson_upper(found, of, confidence), expected, rel_tol=1e-6)


def test_none_found_in_640_means_at_most_half_a_percent() -> None:
    assert round(100 * clopper_pearson_upper(0, 640), 2) == 0.47
    assert math.isclose(clopper_pearson_upper(0, 640), 1 - 0.05 ** (1 / 640))


def test_nothing_looked_at_and_nothing_but_fakes_promise_nothing() -> None:
    assert clopper_pearson_upper(0, 0) == clopper_pearson_upper(5, 5) == 1.0


def test_more_cannot_be_found_than_were_looked_at() -> None:
    with pytest.raises(ValueError, match="3 cannot be found in 2"):
        clopper_pearson_upper(3, 2)


@pytest.mark.parametrize(("missed", "fakes"), [(0, 59), (3, 81), (16, 160), (80, 81)])
def test_so_few_have_a_chance_of_one_in_twenty_at_the_bound(missed: int, fakes: int) -> None:
    bound = clopper_pearson_upper(missed, fakes)
    assert stats.binom.cdf(missed, fakes, bound) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("fakes", "certified"), [(59, 0.05), (299, 0.01)])
def test_fakes_without_a_miss_certify_what_the_rule_of_three_says(fakes: int, certified: float) -> None:
    assert clopper_pearson_upper(0, fakes) <= certified < clopper_pearson_upper(0, fakes - 1)


@pytest.mark.parametrize(("hits", "total"), [(0, 20), (1, 1), (81, 263), (15, 148), (263, 263)])
def test_wilsons_interval_is_the_one_of_scipy(hits: int, total: int) -> None:
    expected = stats.binomtest(hits, total).proportion_ci(0.95, method="wilson")
    assert wilson(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_have_no_interval(hits: int, total: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= hits <= total"):
        wilson(hits, total)


def test_wilsons_interval_has_its_published_values() -> None:
    low, high = Rate(81, 263).interval  # Newcombe 1998, Stat. Med. 17, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert Rate(15, 148).interval == pytest.approx((0.0624, 0.1605), abs=5e-5)
    low, high = Rate(0, 20).interval
    assert (low, round(high, 4)) == (0.0, 0.1611)
    assert Rate(0, 0).interval == (0.0, 1.0)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 1), (2.3, 41.7), (500.2, 3.1), (20000, 30000)])
@pytest.mark.parametrize("share", [0.001, 0.025, 0.5, 0.975])
def test_beta_quantiles_are_those_of_scipy(share: float, a: float, b: float) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(stats.beta.ppf(share, a, b), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(("share", "a", "b"), [(0.5, 0, 1), (0.5, 1, -1), (1.5, 1, 1), (float("nan"), 1, 1)])
def test_a_quantile_that_does_not_exist_is_refused(share: float, a: float, b: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        beta_quantile(share, a, b)


def test_the_lower_bound_is_the_quantile_of_the_beta_distribution() -> None:
    for found, total in ((1, 1), (5, 9), (3, 100), (60, 60)):
        expected = stats.beta.ppf(0.05, found, total - found + 1)
        assert clopper_pearson_lower(found, total) == pytest.approx(expected, abs=1e-6)
    assert clopper_pearson_lower(0, 50) == 0
    assert clopper_pearson_lower(0, 0) == 0
