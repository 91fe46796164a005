"""Login: the password or the identity provider, then the code if there is a second factor; the page of a lock."""

from __future__ import annotations

import time
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.login_events import is_address_locked, record_once
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.adapter import FactorUnreadable
from kyc_review.accounts.second_factor.passkeys import request_options
from kyc_review.accounts.second_factor.second_step import second_step_check
from kyc_review.accounts.second_factor.selectors import Checked, has_passkey, has_second_factor
from kyc_review.accounts.sessions.services import has_ended_at_provider, session_note
from kyc_review.audit import services as audit

# Session keys: who entered the correct password and still needs a code; and that a code was given.
PENDING, PASSED = "login_pending", "second_factor_passed"
PENDING_S = 300
# Of people who came in without a password.
BACKEND = "django.contrib.auth.backends.ModelBackend"
REFUSALS = {
    Checked.REFUSED: gettext_lazy(
        "Incorrect or already used code. Wait for the next one, or use a recovery code."
    ),
    Checked.PAUSED: gettext_lazy(
        "Too many wrong codes for this account. Wait {minutes} minutes, or ask an administrator."
    ),
}


class RecordedLogin(LoginView):
    """Each login is an event, with the address it came from."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        choices = {
            "has_passwords": settings.LOCAL_PASSWORDS,
            "provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        }
        return super().get_context_data(**more) | choices

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        if not settings.LOCAL_PASSWORDS:
            raise PermissionDenied(gettext("Passwords are switched off here. Use single sign-on."))
        if is_address_locked(request):
            return locked_out(request, credentials={"username": request.POST.get("username", "")})
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)
        if not has_second_factor(user):
            return let_in(self.request, user, self.get_success_url())
        return code_ask(self.request, user, self.get_success_url())


def code_ask(request: HttpRequest, user: User, there: str, **kept: Any) -> HttpResponse:
    """To the second step. `kept` goes to `let_in`."""
    request.session.cycle_key()
    request.session[PENDING] = {
        "user": user.pk,
        "backend": getattr(user, "backend", None) or BACKEND,
        "password": user.get_session_auth_hash(),
        "until": time.time() + PENDING_S,
        "next": there,
        "kept": kept,
    }
    return redirect("login_code")


@require_http_methods(["GET", "POST"])
@csrf_protect
@never_cache
def code(request: HttpRequest) -> HttpResponse:
    """The second step. Wrong codes count like wrong passwords: the name is locked for that address."""
    pending: dict[str, Any] = request.session.get(PENDING, {})
    user = _pending_user(pending)
    if user is None:
        request.session.pop(PENDING, None)
        return redirect("login")
    if request.method != "POST":
        return _code_page(request, user)
    named = {"username": user.get_username()}
    if not AxesProxyHandler.is_allowed(request, named):
        return locked_out(request, credentials=named)
    try:
        checked = second_step_check(request, user)
    except FactorUnreadable:
        problem = gettext("Your second factor is unreadable. Ask an administrator to reset it.")
        return render(
            request,
            "registration/code.html",
            {"problem": problem, "has_passkey": has_passkey(user)},
            status=422,
        )
    if checked in REFUSALS:
        user_login_failed.send(sender=__name__, credentials=named, request=request)
        problem = REFUSALS[checked].format(minutes=lock_minutes())
        return render(
            request,
            "registration/code.html",
            {"problem": problem, "has_passkey": has_passkey(user)},
            status=422,
        )
    user.backend = pending["backend"]
    del request.session[PENDING]
    return let_in(request, user, pending["next"], second_factor=checked.value, **pending.get("kept", {}))


def _code_page(request: HttpRequest, user: User, *, problem: str = "") -> HttpResponse:
    context = {"problem": problem, "has_passkey": has_passkey(user)}
    return render(request, "registration/code.html", context, status=422 if problem else 200)


@require_POST
@csrf_protect
@never_cache
def passkey_challenge(request: HttpRequest) -> HttpResponse:
    """What a passkey has to sign: at the second step of a login, and to confirm or approve later."""
    user = request.user if isinstance(request.user, User) else _pending_user(request.session.get(PENDING, {}))
    if user is None:
        return JsonResponse({}, status=403)
    return JsonResponse(request_options(request, user))


def _pending_user(pending: dict[str, Any]) -> User | None:
    """The person, unless too much time has passed, or the password or account has changed meanwhile."""
    if not pending or time.time() > pending["until"]:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), pending["password"]):
        return None
    return user


@transaction.atomic
def let_in(
    request: HttpRequest,
    user: User,
    there: str,
    *,
    second_factor: str = "",
    by: str = "",
    in_session: dict[str, Any] | None = None,
    provider_session: str = "",
) -> HttpResponse:
    """`second_factor` and `by` say how, for the event; `in_session` is kept in the new session, and
    `provider_session` with it, so that the identity provider can end it. One that has ended there leads back to the
    login."""
    if provider_session and has_ended_at_provider(user=user, provider_session=provider_session):
        return redirect("login")
    login(request, user, backend=getattr(user, "backend", None) or BACKEND)
    session_note(request, provider_session=provider_session)
    request.session.update(in_session or {})
    detail = {"address": client_address(request)}
    if by:
        detail["by"] = by
    if second_factor:
        request.session[PASSED] = True
        detail["second_factor"] = second_factor
    audit.record(action="staff.logged_in", actor=user, detail=detail)
    return HttpResponseRedirect(there)


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The same answer whether or not the person exists, so that it reveals no names."""
    name = str((credentials or {}).get("username", ""))[:150]
    record_once("staff.locked_out", username=name, address=client_address(request))
    answer = render(request, "registration/locked.html", {"minutes": lock_minutes()}, status=429)
    answer["Retry-After"] = str(settings.LOGIN_LOCK_S)
    return answer


def lock_minutes() -> int:
    return -(-settings.LOGIN_LOCK_S // 60)
