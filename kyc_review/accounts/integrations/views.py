"""The console: onboarding systems and their keys, for admins; auditors read. A key is shown once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from kyc_review.accounts import services
from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.integrations.forms import IntegrationForm, KeyForm
from kyc_review.accounts.integrations.selectors import integrations_listed, keys_listed
from kyc_review.accounts.models import ApiKey, Integration, User
from kyc_review.accounts.reauthentication import approval_unconfirmed
from kyc_review.accounts.second_factor.services import FactorRefused
from kyc_review.accounts.shown_once import redirect_with_secret, secrets_once
from kyc_review.accounts.staff_access import StaffRequest, parse_toggle, staff_only
from kyc_review.core.permissions import Right, may_manage_integrations, require


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    _require_reader(request)
    form = IntegrationForm(request.POST or None)
    if request.method == "POST":
        _require_admin(request)
        if form.is_valid():
            made = services.integration_create(**form.cleaned_data, actor=request.user)
            messages.success(request, gettext("Added. Now create its first key."))
            return redirect("integrations:integration", slug=made.slug)
    context = {
        "integrations": integrations_listed(viewer=request.user),
        "may_manage": may_manage_integrations(request.user),
        "form": form,
    }
    return render(request, "integrations/overview.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def integration(request: StaffRequest, slug: str) -> HttpResponse:
    """GET shows its keys, and one that was just created once; POST creates it."""
    _require_reader(request)
    row = get_object_or_404(Integration, slug=slug)
    form = KeyForm(request.POST or None)
    if request.method == "GET":
        return _page(request, row, form, fresh=secrets_once(request))
    _require_admin(request)
    if not form.is_valid():
        return _page(request, row, form, status=422)
    try:
        made, key = services.key_create(integration=row, actor=request.user, **form.wishes())
    except services.TooManyKeys as refusal:
        form.add_error(None, str(refusal))
        return _page(request, row, form, status=422)
    return redirect_with_secret(request, _path(row), of=made.prefix, key=key)


@require_POST
@never_cache
@staff_only
def rotate(request: StaffRequest, prefix: str) -> HttpResponse:
    key = _managed(request, prefix)
    try:
        made, fresh = services.key_rotate(key=key, actor=request.user)
    except ValueError as refusal:
        messages.error(request, str(refusal))
        return _back(key)
    path = _path(key.integration)
    return redirect_with_secret(request, path, of=made.prefix, key=fresh, rotated=key.prefix)


@require_POST
@staff_only
def approve_rights(request: StaffRequest, prefix: str) -> HttpResponse:
    key = _managed(request, prefix)
    if problem := approval_unconfirmed(request):
        messages.error(request, problem)
        return _back(key)
    try:
        services.key_rights_approve(key=key, actor=request.user)
        messages.success(
            request,
            gettext("From now on %(key)s may: %(rights)s.")
            % {"key": key.prefix, "rights": key.rights_for_two},
        )
    except (services.KeyRightsRefused, FactorRefused) as refused:
        messages.error(request, refused.detail)
    return _back(key)


@require_POST
@staff_only
def revoke(request: StaffRequest, prefix: str) -> HttpResponse:
    key = _managed(request, prefix)
    services.key_revoke(key=key, actor=request.user)
    messages.success(request, gettext("%(key)s has ended.") % {"key": key.prefix})
    return _back(key)


@require_POST
@staff_only
def switch(request: StaffRequest, slug: str) -> HttpResponse:
    _require_admin(request)
    row = get_object_or_404(Integration, slug=slug)
    is_active = parse_toggle(request)
    services.integration_switch(integration=row, is_active=is_active, actor=request.user)
    messages.success(
        request, gettext("Active again.") if is_active else gettext("Deactivated, with all its keys.")
    )
    return redirect("integrations:integration", slug=slug)


def _page(
    request: StaffRequest, row: Integration, form: KeyForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "integration": row,
        "keys": [
            (key, _why_not_erasing(key, request.user))
            for key in keys_listed(viewer=request.user, integration=row)
        ],
        "may_manage": may_manage_integrations(request.user),
        "form": form,
    }
    return render(request, "integrations/integration.html", context | more, status=status)


def _why_not_erasing(key: ApiKey, viewer: User) -> str:
    """Why the viewer may not approve it; empty also where nothing waits."""
    if not key.rights_wait or key.created_by is None:
        return ""
    return why_not_approver(proposer=key.created_by, approver=viewer)


def _managed(request: StaffRequest, prefix: str) -> ApiKey:
    _require_admin(request)
    return get_object_or_404(ApiKey.objects.select_related("integration"), prefix=prefix)


def _back(key: ApiKey) -> HttpResponseRedirect:
    return redirect("integrations:integration", slug=key.integration.slug)


def _path(row: Integration) -> str:
    return reverse("integrations:integration", args=[row.slug])


def _require_reader(request: StaffRequest) -> None:
    require(request.user, Right.SEE_INTEGRATIONS)


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.MANAGE_INTEGRATIONS)
