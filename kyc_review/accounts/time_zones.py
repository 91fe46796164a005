"""Each person reads times in their own zone: the one they chose, else the browser's, else the installation's."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.models import User


@cache
def zone_names() -> tuple[str, ...]:
    """The zones to choose from."""
    return tuple(sorted(name for name in _known() if "/" in name or name == "UTC"))


@cache
def _known() -> set[str]:
    return zoneinfo.available_timezones()


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The reader's zone; None for the installation's, as the API has. An unknown name in the cookie, which
    static/js/theme.js writes, counts as none."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith("/api/"):
        return None
    chosen = request.user.time_zone if isinstance(request.user, User) else ""
    name = chosen or unquote(request.COOKIES.get(settings.TIME_ZONE_COOKIE_NAME, ""))
    return zoneinfo.ZoneInfo(name) if name in _known() else None


def time_zone_choose(*, user: User, name: str) -> None:
    """Store the person's zone; empty for the browser's. Raises ValueError for an unknown one."""
    if name and name not in zone_names():
        raise ValueError(gettext("Choose a time zone of the list."))
    User.objects.filter(pk=user.pk).update(time_zone=name)


class ReaderTimeZone:
    """Middleware: pages are written in the reader's zone, and days begin at their midnight."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_of(request)):
            return self.get_response(request)
