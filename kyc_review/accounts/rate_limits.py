"""Rate limits of keys, counted in Valkey by the minute (draft-ietf-httpapi-ratelimit-headers)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kyc_review.accounts.models import BearerKey
from kyc_review.core.valkey import client

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = logging.getLogger(__name__)
WINDOW_S = 60
# After a failure Valkey is not asked for this long, so that requests do not wait for its time-out.
PAUSE_S = 5.0
_asked_again_at = 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    quota: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"key";q={self.quota};w={WINDOW_S}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset_s}',
        }


def count(*, key: BearerKey) -> tuple[Allowance, bool] | None:
    """Counts one request of `key`; returns what is left and whether it may pass. None when Valkey does not answer."""
    global _asked_again_at
    if time.monotonic() < _asked_again_at:
        return None
    quota = key.rate_per_minute or settings.API_RATE_PER_MINUTE
    window, into = divmod(int(time.time()), WINDOW_S)
    name = f"rate:{key.prefix}:{window}"
    try:
        pipeline = client().pipeline(transaction=False)
        pipeline.incr(name)
        pipeline.expire(name, 2 * WINDOW_S)
        counted = pipeline.execute()[0]
    except (RedisError, OSError) as error:
        _asked_again_at = time.monotonic() + PAUSE_S
        log.warning("requests pass uncounted for %.0f s, Valkey does not answer: %s", PAUSE_S, error)
        return None
    return Allowance(quota, max(0, quota - counted), WINDOW_S - into), counted <= quota


class KeyRate(BaseThrottle):
    """Refuses with 429 and Retry-After what exceeds the key's rate; allows everything while counting is not
    possible."""

    reset_s = WINDOW_S

    def allow_request(self, request: Request, view: "APIView") -> bool:
        counted = count(key=request.auth) if isinstance(request.auth, BearerKey) else None
        if counted is None:
            return True
        allowance, may_pass = counted
        self.reset_s = allowance.reset_s
        request._request.rate_allowance = allowance  # type: ignore[attr-defined]
        return may_pass

    def wait(self) -> float:
        return float(self.reset_s)


class RateLimitHeaders:
    """Middleware: adds the remaining limit to every counted answer, including errors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        allowance: Allowance | None = getattr(request, "rate_allowance", None)
        if allowance:
            for name, value in allowance.headers().items():
                response[name] = value
        return response
