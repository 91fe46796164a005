"""Bounds are rounded towards the safe side."""

import pytest

from kyc_review.core.numbers import lower_bound, upper_bound


@pytest.mark.parametrize(
    ("share", "most", "least"),
    [
        (0.054, "5.4", "5.4"),
        (0.0541, "5.5", "5.4"),
        (0.7514, "76", "75"),
        (0.05, "5.0", "5.0"),
        (0.9747, "98", "97"),
        (0.00000305, "0.00031", "0.00030"),
        (1.0, "100", "100"),
        (0.0, "0", "0"),
    ],
)
def test_an_upper_bound_goes_up_and_a_lower_one_down(share: float, most: str, least: str) -> None:
    assert (upper_bound(share), lower_bound(share)) == (most, least)
