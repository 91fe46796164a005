"""The start page: what waits for an admin; the queue for everyone else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from kyc_review.accounts.models import User
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import may_decide, may_promote
from kyc_review.registry.selectors import serving_promotion
from kyc_review.retraining.access import require_retraining_access
from kyc_review.training.waiting import waiting_for


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Where a login leads: admins to what waits for them, unless they also review."""
    user = request.user
    if not user.is_authenticated:
        return redirect("login")
    is_admin = isinstance(user, User) and may_promote(user) and not may_decide(user)
    return redirect("retraining:waiting" if is_admin else "review:queue")


@require_GET
@never_cache
@staff_only
def waiting(request: StaffRequest) -> HttpResponse:
    require_retraining_access(request.user)
    context = {
        "waiting": waiting_for(viewer=request.user),
        "may_promote": may_promote(request.user),
        "serving": serving_promotion(),
    }
    return render(request, "retraining/waiting.html", context)
