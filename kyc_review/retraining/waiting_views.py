"""The start page: what waits for an admin; the queue for everyone else."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kyc_review.accounts.models import User
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_decide, may_promote, require
from kyc_review.registry.selectors import serving_promotion
from kyc_review.retraining.access import require_retraining_access
from kyc_review.training.waiting import overturned_seen, waiting_for

UNTIL_DIGITS = 18


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Where a login leads: admins to what waits for them, unless they also review."""
    user = request.user
    if not user.is_authenticated:
        return redirect("login")
    is_admin = isinstance(user, User) and may_promote(user) and not may_decide(user)
    return redirect("retraining:waiting" if is_admin else "review:queue")


@require_POST
@staff_only
def seen(request: StaffRequest) -> HttpResponse:
    """The viewer has seen the overturned clears that the page listed (`until`); they no longer wait for her."""
    require(request.user, Right.PROMOTE)
    until = request.POST.get("until", "")
    if not (until.isascii() and until.isdecimal() and len(until) <= UNTIL_DIGITS):
        raise BadRequest("until is the number that the page of what waits gave")
    overturned_seen(actor=request.user, until=int(until))
    return redirect("retraining:waiting")


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
