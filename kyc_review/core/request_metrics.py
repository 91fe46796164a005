"""Counts and times every request by the URL pattern that took it, never by its path."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from kyc_review.core.instruments import REQUEST_SECONDS, REQUESTS

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "other"
STATIC, UNMATCHED = "static", "unmatched"


class RequestMetrics:
    """Middleware; outside of all that may answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in METHODS else OTHER_METHOD
        route = route_of(request)
        _answered(method, route, response.status_code).inc()
        _duration(method, route).observe(time.perf_counter() - began)
        return response


@cache
def _answered(method: str, route: str, status: int) -> Counter:
    """Kept, because the library looks a series up in twice the time that it takes to count; there are few."""
    return REQUESTS.labels(method, route, status)


@cache
def _duration(method: str, route: str) -> Histogram:
    return REQUEST_SECONDS.labels(method, route)


def route_of(request: HttpRequest) -> str:
    """The URL pattern, such as `api/v1/submissions/<uuid:pk>`: one of those in the code, `static` or `unmatched`.

    Middleware that answers by itself (too many posts, a login that is missing) does so before Django looks for the
    pattern; such an answer belongs to the pattern that would have taken the request.
    """
    match = request.resolver_match
    if match is None:
        if request.path_info.startswith(settings.STATIC_URL):
            return STATIC
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return UNMATCHED
    return match.route or "/"
