"""Access to the pages for staff: sign-in for anonymous visitors, 403 for accounts without a role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.translation import gettext
from django_htmx.middleware import HtmxDetails

from kyc_review.accounts.lost_page import to_login
from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_read_queue

P = ParamSpec("P")


class StaffRequest(HttpRequest):
    """A request that passed `staff_only`."""

    user: User
    htmx: HtmxDetails


def staff_only(
    view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
    @wraps(view)
    def guarded(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_login(request)
        if not may_read_queue(request.user):
            raise PermissionDenied(gettext("Your account has no role yet. Ask an administrator for one."))
        if any("\0" in value for sent in (request.GET, request.POST) for value in _values(sent)):
            raise BadRequest(gettext("A zero byte is not allowed in text; the database cannot store it."))
        return view(request, *args, **kwargs)

    return guarded


def parse_toggle(request: StaffRequest) -> bool:
    """Explicit target state of a switch, so a double submit is idempotent. Raises BadRequest."""
    enabled = request.POST.get("enabled")
    if enabled not in ("on", "off"):
        raise BadRequest(gettext("Send the field `enabled` with the value on or off."))
    return enabled == "on"


def _values(sent: QueryDict) -> Iterator[str]:
    for _, values in sent.lists():
        yield from values
