"""Where a measured value passes, is in doubt and fails."""

import pytest

from detection.checks import CheckCode, CheckName, CheckStatus, Measure
from detection.faces.limits import LIMITS, Limit

HIGH_IS_GOOD = Limit(CheckName.FACE_SIZE, CheckCode.FACE_TOO_SMALL, passes=45.0, fails=30.0)
LOW_IS_GOOD = Limit(CheckName.POSE, CheckCode.TURNED_AWAY, passes=40.0, fails=60.0)


@pytest.mark.parametrize(
    ("limit", "value", "status", "bound"),
    [
        (HIGH_IS_GOOD, 45.0, CheckStatus.PASS, 45.0),
        (HIGH_IS_GOOD, 44.9, CheckStatus.DOUBT, 45.0),
        (HIGH_IS_GOOD, 30.0, CheckStatus.DOUBT, 45.0),
        (HIGH_IS_GOOD, 29.9, CheckStatus.FAIL, 30.0),
        (LOW_IS_GOOD, 40.0, CheckStatus.PASS, 40.0),
        (LOW_IS_GOOD, 40.1, CheckStatus.DOUBT, 40.0),
        (LOW_IS_GOOD, 60.0, CheckStatus.DOUBT, 40.0),
        (LOW_IS_GOOD, 60.1, CheckStatus.FAIL, 60.0),
    ],
)
def test_a_value_between_the_limits_is_doubt(
    limit: Limit, value: float, status: CheckStatus, bound: float
) -> None:
    assert limit.status(value) is status
    assert limit.missed(value) == bound


@pytest.mark.parametrize("limit", [HIGH_IS_GOOD, LOW_IS_GOOD])
def test_what_is_no_number_never_passes(limit: Limit) -> None:
    assert limit.status(float("nan")) is not CheckStatus.PASS


def test_every_measure_has_two_different_limits() -> None:
    assert set(LIMITS) == set(Measure)
    assert all(limit.passes != limit.fails for limit in LIMITS.values())
    unmeasured = set(CheckName) - {limit.check for limit in LIMITS.values()}
    assert unmeasured == {CheckName.INTACT}
