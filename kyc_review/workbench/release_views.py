"""Skip, snooze, escalate, hand over, return: an item is released undecided, and the next one is shown."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from kyc_review.accounts.models import User
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.review.claims import ClaimLost
from kyc_review.review.models import Skip
from kyc_review.review.release import (
    SNOOZES,
    ReleaseRefused,
    claim_release,
    claim_take_back,
    item_escalate,
    item_hand_over,
    item_snooze,
)
from kyc_review.workbench.forms import ReleaseForm
from kyc_review.workbench.rendering import (
    another_picture,
    claim_and_show,
    claim_lost,
    is_another_on_screen,
    problem,
)


@require_POST
@staff_only
def release(request: StaffRequest, item_id: int) -> HttpResponse:
    said = ReleaseForm(request.POST)
    if not said.is_valid():
        return _unreadable(request, item_id, said)
    reason = said.cleaned_data["skip_reason"] or Skip.Reason.UNSURE
    return _release_and_show(
        request,
        item_id,
        lambda: claim_release(item_id=item_id, reviewer=request.user, reason=reason),
        gettext("Item %(item)s is back in the queue for a colleague.") % {"item": item_id},
    )


@require_POST
@staff_only
def snooze(request: StaffRequest, item_id: int) -> HttpResponse:
    said = ReleaseForm(request.POST)
    if not said.is_valid():
        return _unreadable(request, item_id, said)
    minutes = said.cleaned_data["minutes"] or 0
    return _release_and_show(
        request,
        item_id,
        lambda: item_snooze(item_id=item_id, reviewer=request.user, minutes=minutes),
        gettext("Item %(item)s comes back in %(time)s.")
        % {"item": item_id, "time": SNOOZES.get(minutes, "")},
    )


@require_POST
@staff_only
def escalation(request: StaffRequest, item_id: int) -> HttpResponse:
    said = ReleaseForm(request.POST)
    if not said.is_valid():
        return _unreadable(request, item_id, said)
    message = said.cleaned_data["message"]
    return _release_and_show(
        request,
        item_id,
        lambda: item_escalate(item_id=item_id, reviewer=request.user, message=message),
        gettext("Item %(item)s waits for a senior reviewer.") % {"item": item_id},
    )


@require_POST
@staff_only
def handover(request: StaffRequest, item_id: int) -> HttpResponse:
    said = ReleaseForm(request.POST)
    if not said.is_valid():
        return _unreadable(request, item_id, said)
    to = User.objects.filter(pk=said.cleaned_data["to"] or 0).first()
    if to is None:
        return problem(request, item_id, gettext("Choose a colleague first."))
    return _release_and_show(
        request,
        item_id,
        lambda: item_hand_over(
            item_id=item_id, reviewer=request.user, to=to, message=said.cleaned_data["message"]
        ),
        gettext("Item %(item)s is offered to %(name)s first.")
        % {"item": item_id, "name": to.get_full_name() or to.username},
    )


@require_POST
@staff_only
def take_back(request: StaffRequest, item_id: int) -> HttpResponse:
    """For seniors: returns a colleague's item to the queue."""
    try:
        claim_take_back(item_id=item_id, senior=request.user)
        messages.success(request, gettext("Item %(item)s is back in the queue.") % {"item": item_id})
    except ReleaseRefused as rejected:
        messages.error(request, rejected.detail)
    return HttpResponseRedirect(reverse("review:item", args=[item_id]))


def _unreadable(request: StaffRequest, item_id: int, form: ReleaseForm) -> HttpResponse:
    """Nothing is put aside without what was said with it."""
    return problem(request, item_id, str(next(iter(form.errors.values()))[0]))


def _release_and_show(
    request: StaffRequest, item_id: int, act: Callable[[], None], done: str
) -> HttpResponse:
    if is_another_on_screen(request, item_id):
        return another_picture(request, item_id)
    try:
        act()
    except ClaimLost as lost:
        return claim_lost(request, item_id, lost)
    except ReleaseRefused as rejected:
        return problem(request, item_id, rejected.detail)
    messages.info(request, done)
    return claim_and_show(request)
