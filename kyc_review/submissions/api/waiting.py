"""`?wait=`: hold the answer back until something changed, without holding up anybody else."""

import time
from collections.abc import Callable
from threading import BoundedSemaphore

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request

from kyc_review.core.api import query_params

LONGEST_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.03, 0.4
# Only this many threads of the web process may wait; further requests are answered immediately.
_places = BoundedSemaphore(settings.API_WAITERS_MAX)


class WaitIn(serializers.Serializer):
    wait = serializers.FloatField(
        min_value=0,
        max_value=LONGEST_S,
        default=0,
        help_text="Seconds to hold the answer back for a verdict, at most 10. When many wait at once the answer "
        "may come earlier, so look at `status`.",
    )


def wait_of(request: Request) -> float:
    """The seconds asked for. Raises InvalidQuery."""
    return float(query_params(WaitIn, request)["wait"])


def wait_until(arrived: Callable[[], bool], *, seconds: float) -> None:
    """Return when `arrived()`, when the time is over, or at once when too many wait already."""
    if not seconds or arrived() or not _places.acquire(blocking=False):
        return
    try:
        ends, pause = time.monotonic() + seconds, FIRST_PAUSE_S
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            if arrived():
                return
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
    finally:
        _places.release()
