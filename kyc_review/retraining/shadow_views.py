"""Shadow mode in the browser: start it, read what would have been, end it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from detection.bundle import BundleRefused
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_promote, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.registry.models import Bundle
from kyc_review.registry.shadows import ShadowRefused, shadow_end, shadow_now, shadow_start, shadows_listed
from kyc_review.retraining.access import require_retraining_access
from kyc_review.scoring.shadow_scores import disagreements, shadow_comparison

LISTED = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def shadow(request: StaffRequest) -> HttpResponse:
    """The latest shadow's page; a POST puts the bundle `candidate` into the shadow."""
    require_retraining_access(request.user)
    if request.method == "POST":
        return _start(request)
    latest = shadows_listed(viewer=request.user).first()
    context: dict[str, Any] = {"shadow": latest, "may_promote": may_promote(request.user)}
    if latest:
        context["comparison"] = shadow_comparison(viewer=request.user, shadow=latest)
        context["rows"] = list(disagreements(viewer=request.user, shadow=latest)[:LISTED])
    return render(request, "retraining/shadow.html", context)


@require_POST
@staff_only
def end(request: StaffRequest) -> HttpResponse:
    _require_admin(request)
    running = shadow_now()
    with refusals_shown(request):
        if running is None:
            raise ShadowRefused(gettext("No bundle is in shadow mode."))
        shadow_end(shadow=running, actor=request.user, remark=request.POST.get("remark", "").strip())
        messages.success(
            request, gettext("%(version)s is no longer in shadow mode.") % {"version": running.bundle.version}
        )
    return HttpResponseRedirect(reverse("retraining:shadow"))


def _start(request: StaffRequest) -> HttpResponse:
    _require_admin(request)
    bundle = Bundle.objects.filter(digest=request.POST.get("candidate", "")).first()
    try:
        if bundle is None:
            raise ShadowRefused(gettext("Choose a registered bundle."))
        shadow_start(bundle=bundle, actor=request.user)
        messages.success(
            request,
            gettext("%(version)s scores new submissions without effect.") % {"version": bundle.version},
        )
    except (ShadowRefused, BundleRefused) as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("retraining:shadow"))


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.PROMOTE)
