"""The queue and the focus page. Rules live in services.py; here requests become calls and outcomes become pages.

htmx swaps `#main`; a plain request gets the whole page, or a redirect to it, from the same view.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, reswap, retarget, trigger_client_event

from kyc_review.evidence.responses import derivative_response

from . import selectors, services
from .access import StaffRequest, staff_only
from .forms import ClaimForm, DecisionForm
from .models import Decision, ReviewItem
from .permissions import may_decide, may_oversee
from .presenters import vote_panel

ROWS_SHOWN = 50


@require_safe
@never_cache
@staff_only
def queue(request: StaffRequest) -> HttpResponse:
    """The queue; its own poll asks for the counts and the list alone."""
    context = _queue_context(request)
    if request.htmx.target == "queue":
        return render(request, "review/_queue.html", context)
    return render(request, "review/queue.html", context)


@require_POST
@staff_only
def item_next(request: StaffRequest) -> HttpResponse:
    form = ClaimForm(request.POST)
    form.full_clean()
    return _claim_and_show(request, include_skipped=form.cleaned_data["skipped"])


@require_safe
@never_cache
@staff_only
def item(request: StaffRequest, item_id: int) -> HttpResponse:
    return render(request, "review/focus.html", _focus_context(request, item_id))


@require_safe
@staff_only
def image(request: StaffRequest, item_id: int) -> HttpResponseBase:
    """The face, if the viewer may see it now: the display derivative, never the original bytes."""
    shown = _in_focus(request, item_id)
    services.look_record(item=shown, viewer=request.user)
    return derivative_response(shown.submission)


@require_POST
@staff_only
def decision(request: StaffRequest, item_id: int) -> HttpResponse:
    """Record it and show the next item in the same answer."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _incomplete(request, item_id, form)
    try:
        made = services.decision_record(
            item_id=item_id,
            reviewer=request.user,
            **form.cleaned_data,
        )
    except services.ClaimLost as lost:
        return _claim_lost(request, item_id, lost)
    messages.success(request, f"Item {item_id}: {Decision.Label(made.label).label.lower()}. Recorded.")
    return _claim_and_show(request)


@require_POST
@staff_only
def claim(request: StaffRequest, item_id: int) -> HttpResponse:
    """A sign of life from the page: renews the claim."""
    try:
        lease = services.claim_renew(item_id=item_id, reviewer=request.user)
    except services.ClaimLost as lost:
        return _claim_lost(request, item_id, lost)
    remaining = {"remaining_s": int(lease.total_seconds())}
    return trigger_client_event(HttpResponse(status=204), "claim:renewed", remaining)


@require_POST
@staff_only
def claim_release(request: StaffRequest, item_id: int) -> HttpResponse:
    try:
        services.claim_release(item_id=item_id, reviewer=request.user)
    except services.ClaimLost as lost:
        return _claim_lost(request, item_id, lost)
    messages.info(request, f"Item {item_id} is back in the queue for a colleague.")
    return _claim_and_show(request)


def _claim_and_show(request: StaffRequest, *, include_skipped: bool = False) -> HttpResponse:
    claimed = services.item_claim_next(reviewer=request.user, include_skipped=include_skipped)
    url = reverse("review:item", args=[claimed.pk]) if claimed else reverse("review:queue")
    if not request.htmx:
        return HttpResponseRedirect(url)
    if claimed:
        answer = render(request, "review/_focus.html", _focus_context(request, claimed.pk))
    else:
        answer = render(request, "review/_queue_page.html", _queue_context(request))
    return push_url(answer, url)


def _queue_context(request: StaffRequest) -> dict[str, Any]:
    counts = selectors.queue_counts(viewer=request.user)
    return {
        "counts": counts,
        "waiting": sum(count.waiting for count in counts),
        "items": list(selectors.queue_items(viewer=request.user)[:ROWS_SHOWN]),
        "total": sum(count.waiting + count.claimed for count in counts),
        "skipped": selectors.skipped_waiting(viewer=request.user),
        "held": selectors.items_held(viewer=request.user).first(),
        "may_decide": may_decide(request.user),
        "may_oversee": may_oversee(request.user),
    }


def _in_focus(request: StaffRequest, item_id: int) -> ReviewItem:
    shown = selectors.items_in_focus(viewer=request.user).filter(pk=item_id).first()
    if shown is None:
        if ReviewItem.objects.filter(pk=item_id).exists():
            raise PermissionDenied(
                "You do not hold this item. Its face is shown to the person who claimed it."
            )
        raise Http404("There is no such item.")
    return shown


def _focus_context(request: StaffRequest, item_id: int) -> dict[str, Any]:
    shown = _in_focus(request, item_id)
    remaining = shown.claim_remaining  # type: ignore[attr-defined]
    holds = shown.claimed_by_id == request.user.pk and remaining is not None and remaining.total_seconds() > 0
    return {
        "item": shown,
        "votes": vote_panel(shown),
        "decision": shown.decisions.standing().select_related("reviewer").order_by("pk").last(),
        "holds": holds and may_decide(request.user),
        "remaining_s": int(remaining.total_seconds()) if holds else 0,
        "lease_s": int(services.claim_lease().total_seconds()),
    }


def _incomplete(request: StaffRequest, item_id: int, form: DecisionForm) -> HttpResponse:
    """Say what is missing beside the buttons; whatever was typed stays."""
    problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
    if request.htmx:
        answer = render(request, "review/_problem.html", {"problem": problem}, status=422)
        return reswap(retarget(answer, "#problem"), "innerHTML")
    context = _focus_context(request, item_id) | {"problem": problem, "note": request.POST.get("note", "")}
    return render(request, "review/focus.html", context, status=422)


def _claim_lost(request: StaffRequest, item_id: int, lost: services.ClaimLost) -> HttpResponse:
    """409: nothing was changed; the note goes back to the page, so that it is not lost too."""
    context = {"detail": lost.detail, "item_id": item_id, "note": request.POST.get("note", "")}
    if request.htmx:
        answer = render(request, "review/_claim_lost.html", context, status=409)
        return reswap(retarget(answer, "#decision"), "outerHTML")
    return render(request, "review/claim_lost.html", context, status=409)
