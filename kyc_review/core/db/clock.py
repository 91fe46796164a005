"""The database's clock, by which everything is timed that several hosts must agree on."""

import time
from datetime import datetime

from django.conf import settings
from django.db import connection


class ClockWrong(Exception):
    """This host's clock differs from the database's by more than CLOCK_SKEW_MAX_S."""


def database_now() -> datetime:
    """The time at which the database got this statement; use `Now()` where a query can compute with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def skew_s() -> float:
    """By how many seconds this host's clock is ahead of the database's (negative: behind).

    The answer is compared with the middle of the question and the answer, so it is wrong by at most half of what the
    question took.
    """
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        at: float = cursor.fetchone()[0]
    return (before + time.time()) / 2 - at


def clock_check() -> None:
    """Raises ClockWrong."""
    ahead_s = skew_s()
    if abs(ahead_s) > settings.CLOCK_SKEW_MAX_S:
        direction = "ahead of" if ahead_s > 0 else "behind"
        raise ClockWrong(
            f"this host's clock is {abs(ahead_s):.0f} s {direction} the database's; check its time service (NTP)"
        )
