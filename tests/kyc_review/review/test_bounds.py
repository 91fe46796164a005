"""The exact bound, against SciPy and against what it promises."""

import math

import pytest
from scipy import stats

from kyc_review.review.bounds import upper_bound


@pytest.mark.parametrize(
    ("found", "of"), [(0, 1), (0, 640), (1, 640), (7, 90), (250, 1000), (3, 1_000_000), (99, 100)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_it_is_the_bound_of_clopper_and_pearson(found: int, of: int, confidence: float) -> None:
    expected = stats.beta.ppf(confidence, found + 1, of - found)
    assert math.isclose(upper_bound(found, of, confidence), expected, rel_tol=1e-6)


def test_none_found_in_640_means_at_most_half_a_percent() -> None:
    assert round(100 * upper_bound(0, 640), 2) == 0.47
    assert math.isclose(upper_bound(0, 640), 1 - 0.05 ** (1 / 640))


def test_nothing_looked_at_and_nothing_but_fakes_promise_nothing() -> None:
    assert upper_bound(0, 0) == upper_bound(5, 5) == 1.0


def test_more_cannot_be_found_than_were_looked_at() -> None:
    with pytest.raises(ValueError, match="3 cannot be found in 2"):
        upper_bound(3, 2)
