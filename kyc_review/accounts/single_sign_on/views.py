"""The ways to the identity provider and back: login, confirmation, connecting an account, logout.

People follow links to the provider, as a form may lead to this site only (`form-action` of the Content Security
Policy, which browsers apply to redirects of the answer, too).
"""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as django_logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.login import code_ask, let_in
from kyc_review.accounts.login_events import record_once
from kyc_review.accounts.models import Identity, User
from kyc_review.accounts.reauthentication import unconfirmed
from kyc_review.accounts.second_factor.selectors import has_second_factor
from kyc_review.accounts.single_sign_on.client import (
    Answer,
    LoginRefused,
    address_to_leave_for,
    address_to_sign_out,
    answer_of,
    is_on,
)
from kyc_review.accounts.single_sign_on.confirmation import confirmation_note
from kyc_review.accounts.single_sign_on.provider_logout import (
    LogoutRefused,
    logout_token_read,
    provider_logout,
)
from kyc_review.accounts.single_sign_on.services import BY, identity_connect, person_admit
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
LOGIN, CONFIRM, CONNECT = "login", "confirm", "connect"
ID_TOKEN = "single_sign_on_id_token"  # noqa: S105  (the name in the session)


def _only_when_on(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not is_on():
            raise Http404(gettext("Single sign-on is off."))
        try:
            return view(request)
        except LoginRefused as refused:
            return _refused(request, refused)

    return guarded


@require_safe
@never_cache
@_only_when_on
def start(request: HttpRequest) -> HttpResponse:
    """With `?again` the provider asks who one is also in a running session."""
    there = _own_page(request, settings.LOGIN_REDIRECT_URL)
    again = "again" in request.GET
    return HttpResponseRedirect(address_to_leave_for(request, purpose=LOGIN, there=there, is_again=again))


@require_safe
@never_cache
@_only_when_on
def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends people back to, whatever they were sent there for."""
    answer = answer_of(request)
    try:
        return _accept(request, answer)
    except LoginRefused as refused:
        return _refused(request, refused, claimed=answer.claimed)


def _accept(request: HttpRequest, answer: Answer) -> HttpResponse:
    if answer.purpose == LOGIN:
        return _log_in(request, answer)
    if not isinstance(request.user, User):
        return redirect("login")
    if not answer.is_fresh:
        raise LoginRefused(
            "not_fresh",
            gettext(
                "The identity provider did not have you log in again, so nothing is confirmed. Try again."
            ),
        )
    if answer.purpose == CONNECT:
        identity_connect(user=request.user, subject=answer.subject, actor=request.user)
        messages.success(request, gettext("Connected: from now on you can log in there."))
        return redirect("account:overview")
    if not Identity.objects.filter(
        user=request.user, issuer=settings.OIDC_ISSUER, subject=answer.subject
    ).exists():
        raise LoginRefused("other_person", gettext("You logged in there as another person than here."))
    confirmation_note(request, with_factor=answer.has_second_factor)
    messages.success(request, gettext("Confirmed. It counts for five minutes."))
    return HttpResponseRedirect(answer.there)


@require_safe
@never_cache
@staff_only
@_only_when_on
def confirm(request: StaffRequest) -> HttpResponse:
    """To the provider, which asks for password and second factor again."""
    there = _own_page(request, reverse("account:overview"))
    return HttpResponseRedirect(address_to_leave_for(request, purpose=CONFIRM, there=there, is_again=True))


@sensitive_post_parameters()
@require_POST
@never_cache
@staff_only
@_only_when_on
def connect(request: StaffRequest) -> HttpResponse:
    """Connect one's account to a login at the provider, after password and code."""
    if problem := unconfirmed(request):
        messages.error(request, problem)
        return redirect("account:overview")
    there = address_to_leave_for(request, purpose=CONNECT, there=reverse("account:overview"), is_again=True)
    return _leave(request, there)


@require_POST
@csrf_protect
@never_cache
def logout(request: HttpRequest) -> HttpResponse:
    """Ends the session here, and for people who came from the provider also there."""
    id_token = request.session.get(ID_TOKEN, "")
    django_logout(request)
    there = address_to_sign_out(id_token) if id_token and is_on() else ""
    return _leave(request, there) if there else redirect(settings.LOGOUT_REDIRECT_URL)


@csrf_exempt  # the token is signed by the provider, which has no cookie here
@require_POST
@never_cache
def back_channel_logout(request: HttpRequest) -> HttpResponse:
    """Where the provider says that somebody logged out there."""
    if not is_on():
        raise Http404(gettext("Single sign-on is off."))
    try:
        provider_logout(logout_token_read(request.POST.get("logout_token", "")))
    except LogoutRefused as refused:
        log.warning("a logout by the identity provider was refused: %s", refused)
        return JsonResponse({"error": "invalid_request", "error_description": str(refused)}, status=400)
    return HttpResponse(status=200)


def _log_in(request: HttpRequest, answer: Answer) -> HttpResponse:
    person, refusal = person_admit(answer=answer)
    if refusal:
        return _refused(request, refusal, claimed=answer.claimed, username=person.username)
    kept: dict[str, Any] = {
        "by": BY,
        "in_session": {ID_TOKEN: answer.id_token},
        "provider_session": answer.session,
    }
    if answer.has_second_factor:
        return let_in(request, person, answer.there, second_factor="identity_provider", **kept)
    if has_second_factor(person):
        return code_ask(request, person, answer.there, **kept)
    return let_in(request, person, answer.there, **kept)


def _refused(
    request: HttpRequest,
    refused: LoginRefused,
    *,
    claimed: dict[str, str] | None = None,
    username: str = "",
) -> HttpResponse:
    """The page, and the event: its own for each reason and each login at the provider, once in LOGIN_LOCK_S."""
    claimed = claimed or {}
    address = client_address(request)
    if request.user.is_authenticated:
        record = {"address": address, "reason": refused.reason, "by": BY} | claimed
        audit.record(
            action="staff.confirmation_failed", actor=request.user, target=request.user, detail=record
        )
    else:
        reason = f"{BY}: {refused.reason}"
        record_once("staff.login_failed", username=username, address=address, reason=reason, claimed=claimed)
    return render(request, "registration/refused.html", {"detail": refused.detail}, status=403)


def _leave(request: HttpRequest, there: str) -> HttpResponse:
    """A page that leads to the provider after a form was sent."""
    return render(request, "registration/leave.html", {"there": there})


def _own_page(request: HttpRequest, otherwise: str) -> str:
    wanted = request.GET.get("next", "")
    is_own = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_own else otherwise
