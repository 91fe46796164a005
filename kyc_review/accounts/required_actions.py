"""Actions required before anything else: change the password, set up a second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from kyc_review.accounts.login import PASSED
from kyc_review.accounts.second_factor.selectors import has_second_factor, is_required

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# Logging out stays possible, and so do the pages of the required action.
ALWAYS = {"logout", "livez", "readyz", "readyz/web", "single_sign_on:confirm", "single_sign_on:callback"}
PASSWORD = "account:password"  # noqa: S105  (the name of a page)
FACTOR = {
    "account:second_factor",
    "account:qr",
    "account:recovery_codes",
    "account:passkeys",
    "account:passkey_new",
    "passkey_challenge",
}


class Duties:
    """Middleware. Requests without a session, such as those of the API, are skipped at no cost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return None
        page = request.resolver_match.view_name if request.resolver_match else ""
        duty = duty_of(request.user, has_passed=bool(request.session.get(PASSED)))
        if (
            duty is None
            or page in ALWAYS
            or page == duty
            or (duty == "account:second_factor" and page in FACTOR)
        ):
            return None
        there = reverse(duty)
        htmx = getattr(request, "htmx", False)
        return HttpResponseClientRedirect(there) if htmx else HttpResponseRedirect(there)


def duty_of(user: User, *, has_passed: bool) -> str | None:
    """The page of the required action; None if there is none."""
    if user.must_change_password and settings.LOCAL_PASSWORDS:
        return PASSWORD
    if not has_passed and is_required(user) and not has_second_factor(user):
        return "account:second_factor"
    return None
