"""A person's own account: password and second factor. Changing the second factor requires the password."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kyc_review.accounts import services as accounts
from kyc_review.accounts.languages import cookie_write, language_choose
from kyc_review.accounts.login import PASSED, locked_out
from kyc_review.accounts.models import Identity
from kyc_review.accounts.reauthentication import (
    code_problem,
    count_failure,
    is_locked,
    password_problem,
    unconfirmed,
)
from kyc_review.accounts.second_factor import services
from kyc_review.accounts.second_factor.codes import secret_new
from kyc_review.accounts.second_factor.selectors import is_required, own_factor
from kyc_review.accounts.second_factor.services import FactorRefused
from kyc_review.accounts.sessions.services import other_sessions_end, session_keep, sessions_of
from kyc_review.accounts.shown_once import redirect_with_secret, secret_once
from kyc_review.accounts.single_sign_on.confirmation import confirms_at_provider
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.accounts.time_zones import time_zone_choose, zone_names
from kyc_review.accounts.tokens.selectors import tokens_valid
from kyc_review.core.permissions import may_have_tokens

SECRET = "second_factor_secret"  # noqa: S105  (the name in the session; what lies there is sealed)


class NewPasswordForm(PasswordChangeForm):
    """Django's, with a new password that differs: an issued one, which an admin has seen, cannot stay."""

    def clean_new_password1(self) -> str:
        new: str = self.cleaned_data["new_password1"]
        if self.user.check_password(new):
            raise ValidationError(gettext("Choose a password that differs from the current one."))
        return new


@require_safe
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    viewer = request.user
    context = {
        "factor": own_factor(viewer=viewer),
        "is_required": is_required(viewer),
        "tokens": tokens_valid(viewer=viewer, owner=viewer).count(),
        "may_have_tokens": may_have_tokens(viewer),
        "zones": zone_names(),
        "zone_now": timezone.get_current_timezone_name(),
        "sessions": sessions_of(viewer),
        "session_key": request.session.session_key,
        "provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "identity": Identity.objects.filter(user=viewer).first(),
        "has_password": not confirms_at_provider(viewer),
    }
    return render(request, "account/overview.html", context)


@require_POST
@staff_only
def end_other_sessions(request: StaffRequest) -> HttpResponse:
    other_sessions_end(request)
    messages.success(request, gettext("Your other sessions have ended."))
    return redirect("account:overview")


@require_POST
@staff_only
def time_zone(request: StaffRequest) -> HttpResponse:
    """Choose the zone in which one reads times."""
    try:
        time_zone_choose(user=request.user, name=request.POST.get("time_zone", ""))
        messages.success(request, gettext("Your time zone is saved."))
    except ValueError as unknown:
        messages.error(request, str(unknown))
    return redirect("account:overview")


@require_POST
@staff_only
def language(request: StaffRequest) -> HttpResponse:
    """Choose the language in which one reads pages."""
    code = request.POST.get("language", "")
    answer = redirect("account:overview")
    try:
        language_choose(user=request.user, code=code)
    except ValueError as unknown:
        messages.error(request, str(unknown))
        return answer
    cookie_write(answer, code)
    with translation.override(code or translation.get_language()):
        messages.success(request, gettext("Your language is saved."))
    return answer


@sensitive_post_parameters()
@require_POST
@staff_only
def email(request: StaffRequest) -> HttpResponse:
    """Where mails about one's account go."""
    if problem := unconfirmed(request):
        messages.error(request, problem)
        return redirect("account:overview")
    try:
        accounts.email_change(user=request.user, address=request.POST.get("email", "").strip()[:254])
        messages.success(request, gettext("Your e-mail address is saved."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("account:overview")


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def password(request: StaffRequest) -> HttpResponse:
    if confirms_at_provider(request.user):
        raise PermissionDenied(gettext("Your password is at the identity provider; change it there."))
    is_duty = request.user.must_change_password
    if request.method == "POST" and is_locked(request):
        return locked_out(request, credentials={"username": request.user.get_username()})
    form = NewPasswordForm(request.user, request.POST or None)
    # In this order, so that a code is used up only where nothing else is in the way.
    problem = code_problem(request) if request.method == "POST" and form.is_valid() else ""
    if request.method == "POST" and form.is_valid() and not problem:
        accounts.password_change(user=request.user, password=form.cleaned_data["new_password1"])
        session_keep(request)
        messages.success(request, gettext("Your password was changed."))
        return redirect("home" if is_duty else "account:overview")
    if "old_password" in form.errors:
        count_failure(request)
    context = {"form": form, "is_duty": is_duty, "problem": problem}
    return render(request, "account/password.html", context, status=422 if form.errors or problem else 200)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def second_factor(request: StaffRequest) -> HttpResponse:
    """Set one up, or see that there is one."""
    here = reverse("account:second_factor")
    if request.method != "POST":
        return _factor_page(request, **secret_once(request))
    has_factor = own_factor(viewer=request.user)
    if has_factor and has_factor.has_app:
        # A second click on the form: the first one's recovery codes wait for the next GET of this page.
        return redirect(here)
    if problem := unconfirmed(request) if has_factor else password_problem(request):
        return _factor_page(request, problem=problem)
    try:
        codes = services.second_factor_enrol(
            user=request.user,
            secret=_secret(request),
            code=request.POST.get("new_code" if has_factor else "code", "")[:40],
        )
    except FactorRefused as refused:
        now = own_factor(viewer=request.user)
        if now and now.has_app:
            return redirect(here)
        return _factor_page(request, problem=refused.detail)
    del request.session[SECRET]
    request.session[PASSED] = True
    session_keep(request)
    return redirect_with_secret(request, here, codes=codes) if codes else redirect(here)


@require_safe
@never_cache
@staff_only
def qr(request: StaffRequest) -> HttpResponse:
    """The QR code, while the secret waits for confirmation."""
    if SECRET not in request.session:
        raise Http404(gettext("No second factor is being set up."))
    adapter = get_adapter()
    picture = adapter.build_totp_svg(adapter.build_totp_url(request.user, _secret(request)))
    return HttpResponse(picture, content_type="image/svg+xml")


@sensitive_post_parameters()
@require_POST
@never_cache
@staff_only
def recovery_codes(request: StaffRequest) -> HttpResponse:
    if problem := unconfirmed(request):
        return _factor_page(request, problem=problem)
    try:
        codes = services.recovery_codes_renew(user=request.user)
    except FactorRefused as refused:
        return _factor_page(request, problem=refused.detail)
    session_keep(request)
    return redirect_with_secret(request, reverse("account:second_factor"), codes=codes)


@sensitive_post_parameters()
@require_POST
@never_cache
@staff_only
def end_second_factor(request: StaffRequest) -> HttpResponse:
    if problem := unconfirmed(request):
        return _factor_page(request, problem=problem)
    try:
        services.second_factor_end(user=request.user)
    except FactorRefused as refused:
        return _factor_page(request, problem=refused.detail)
    request.session.pop(PASSED, None)
    session_keep(request)
    messages.success(request, gettext("Two-factor authentication is off."))
    return redirect("account:overview")


def _factor_page(request: StaffRequest, *, problem: str = "", **more: Any) -> HttpResponse:
    factor = own_factor(viewer=request.user)
    context = {"factor": factor, "problem": problem, "is_required": is_required(request.user)} | more
    if factor is None or not factor.has_app:
        secret = _secret(request)
        context["secret"] = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    return render(request, "account/second_factor.html", context, status=422 if problem else 200)


def _secret(request: StaffRequest) -> str:
    """The encrypted secret in the session, until a code confirms it."""
    adapter = get_adapter()
    if SECRET not in request.session:
        request.session[SECRET] = adapter.encrypt(secret_new())
    return str(adapter.decrypt(request.session[SECRET]))
