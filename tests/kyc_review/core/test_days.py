from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from kyc_review.core.days import LAST, begin_of, end_of, hours_after


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 3, 8), date(9999, 12, 31), date(1, 1, 1)])
def test_a_day_goes_from_midnight_to_midnight_where_people_are(zone: str, day: date) -> None:
    with timezone.override(zone):
        begin, end = begin_of(day), end_of(day)
    assert (begin.date(), end.date()) == (day, day)
    assert (begin.hour, begin.minute) == (0, 0)
    assert (end.hour, end.minute, end.second, end.microsecond) == (23, 59, 59, 999_999)


def test_hours_end_where_time_does() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert hours_after(now, 24) == now + timedelta(days=1)
    assert hours_after(LAST - timedelta(minutes=1), 24) == LAST
