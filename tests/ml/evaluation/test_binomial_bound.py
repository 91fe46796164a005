import pytest
from scipy.stats import binom

from ml.evaluation.binomial_bound import miss_rate_bound


@pytest.mark.parametrize(("missed", "fakes"), [(0, 59), (3, 81), (16, 160), (80, 81)])
def test_the_bound_is_where_so_few_misses_have_a_chance_of_one_in_twenty(missed, fakes):
    assert binom.cdf(missed, fakes, miss_rate_bound(missed, fakes)) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("fakes", "certified"), [(59, 0.05), (299, 0.01)])
def test_fakes_without_a_miss_certify_what_the_rule_of_three_says(fakes, certified):
    assert miss_rate_bound(0, fakes) <= certified < miss_rate_bound(0, fakes - 1)
    assert miss_rate_bound(fakes, fakes) == 1


@pytest.mark.parametrize(("missed", "fakes"), [(0, 0), (3, 2), (-1, 5)])
def test_nothing_follows_from_impossible_counts(missed, fakes):
    with pytest.raises(ValueError, match="expected"):
        miss_rate_bound(missed, fakes)
