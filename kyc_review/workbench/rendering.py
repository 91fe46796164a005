"""Renders the queue and the item page, for every view that ends on one of them.

htmx swaps `#main`; a plain request gets the whole page, or a redirect to it.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django_htmx.http import push_url, reswap, retarget

from kyc_review.accounts.staff_access import StaffRequest
from kyc_review.core.permissions import may_decide, may_oversee
from kyc_review.review import selectors
from kyc_review.review.claims import ClaimLost, claim_lease, claim_next, claim_renew
from kyc_review.review.corrections import UNDER_REVIEW, correction_state, waits_before_correction
from kyc_review.review.models import Decision, ReviewItem, Skip
from kyc_review.review.release import SNOOZES
from kyc_review.review.second_reviews import answer_waits
from kyc_review.review.shortcuts import OBSTACLE_KEYS, PART_KEYS, is_guidance_folded
from kyc_review.workbench.evidence.context import outcomes_told_record, panel_context
from kyc_review.workbench.presenters import ANOTHER_JUDGES, suggested_obstacle, vote_panel
from kyc_review.workbench.queue_page import queue_context


def claim_and_show(
    request: StaffRequest, *, include_skipped: bool = False, restores: bool = False
) -> HttpResponse:
    """`restores`: the item came back by an undo, and its form with what was said."""
    claimed = claim_next(reviewer=request.user, include_skipped=include_skipped)
    url = reverse("review:item", args=[claimed]) if claimed else reverse("review:queue")
    if not claimed and not include_skipped:
        _say_why_nothing(request)
    if not request.htmx:
        return HttpResponseRedirect(url)
    if claimed:
        context = focus_context(request, claimed) | {"is_restored": restores}
        answer = render(request, "review/_focus.html", context)
    else:
        answer = render(request, "review/_queue_page.html", queue_context(request))
    return push_url(answer, url)


def _say_why_nothing(request: StaffRequest) -> None:
    """When items wait, and none for this person."""
    if not selectors.queue_items(viewer=request.user).filter(state=ReviewItem.State.OPEN).exists():
        return
    why = gettext(
        "Nothing that waits is for you now: you judged, read about or skipped it, or it is kept or snoozed."
    )
    messages.info(request, why)


def in_focus(request: StaffRequest, item_id: int) -> ReviewItem:
    shown = selectors.item_in_focus(viewer=request.user, item_id=item_id)
    if shown is None:
        if ReviewItem.objects.filter(pk=item_id).exists():
            raise PermissionDenied(
                gettext("You do not hold this item. Its face is shown to the person who claimed it.")
            )
        raise Http404(gettext("There is no such item."))
    return shown


def focus_context(request: StaffRequest, item_id: int) -> dict[str, Any]:
    shown = in_focus(request, item_id)
    remaining = shown.claim_remaining  # type: ignore[attr-defined]
    holds = shown.claimed_by_id == request.user.pk and remaining is not None and remaining.total_seconds() > 0
    holds = holds and may_decide(request.user)
    is_blinded = shown.is_blinded  # type: ignore[attr-defined]
    panel = {} if is_blinded else panel_context(item=shown, viewer=request.user)
    if panel:
        outcomes_told_record(told=[*panel["look_alikes"], *panel["others"]], viewer=request.user)
    context = {
        "item": shown,
        "panel": panel,
        "checks": panel.get("checks", []),
        "has_failed_check": any(line.has_failed for line in panel.get("checks", [])),
        "alerts": panel.get("alerts", []),
        "two_people": panel.get("two_people", ""),
        "suggested_obstacle": "" if is_blinded else suggested_obstacle(shown),
        "is_guidance_folded": is_blinded and is_guidance_folded(user=request.user),
        "votes": None if is_blinded else vote_panel(shown),
        "holds": holds,
        "remaining_s": int(remaining.total_seconds()) if holds else 0,
        "lease_s": int(claim_lease().total_seconds()),
        "sla_s": settings.REVIEW_SLA_S,
        "undoable": selectors.act_undoable(viewer=request.user, first=item_id),
    }
    return context | (_choices(request, shown) if holds else _outcome(request, shown))


def _choices(request: StaffRequest, shown: ReviewItem) -> dict[str, Any]:
    said = selectors.decision_withdrawn(viewer=request.user, item=shown)
    return {
        "said": said,
        "note": said.note if said else "",
        "regions": json.dumps(said.regions) if said and said.regions else "",
        "obstacles": OBSTACLE_KEYS,
        "parts": PART_KEYS,
        "methods": Decision.Method.choices,
        "skip_reasons": Skip.Reason.choices,
        "snoozes": SNOOZES.items(),
        "colleagues": selectors.colleagues(viewer=request.user),
    }


def _outcome(request: StaffRequest, shown: ReviewItem) -> dict[str, Any]:
    """The decision for read-only viewers, and possible actions. Nothing while the item is blind."""
    if shown.is_blinded:  # type: ignore[attr-defined]
        is_over = shown.state in (ReviewItem.State.SETTLING, ReviewItem.State.DECIDED)
        return {"is_hidden": is_over, "may_take_back": _may_take_back(request, shown)}
    history = list(shown.decisions.standing().select_related("reviewer", "item").order_by("pk"))
    latest = history[-1] if history else None
    is_final = latest is not None and shown.state == ReviewItem.State.DECIDED
    is_final = is_final and shown.submission.erased_at is None
    mine = latest is not None and latest.reviewer_id == request.user.pk
    may_correct = is_final and may_decide(request.user) and (may_oversee(request.user) or mine)
    waits_first = may_correct and latest and waits_before_correction(item=shown, decision=latest)
    return {
        "decision": latest,
        "waits": ANOTHER_JUDGES if latest and answer_waits(item=shown, decision=latest) else "",
        "history": [(word, correction_state(word) if word.corrects_id else None) for word in history],
        "may_correct": may_correct and not waits_first,
        "correction_waits_for": UNDER_REVIEW if waits_first else "",
        "said": latest if may_correct else None,
        "regions": json.dumps(latest.regions) if may_correct and latest and latest.regions else "",
        "chosen_obstacle": latest.obstacle if latest else "",
        "may_choose_gold": is_final and may_oversee(request.user),
        "may_take_back": _may_take_back(request, shown),
        "obstacles": OBSTACLE_KEYS,
        "parts": PART_KEYS,
        "methods": Decision.Method.choices,
        "corrections_need_two": settings.CORRECTIONS_NEED_TWO,
    }


def _may_take_back(request: StaffRequest, shown: ReviewItem) -> bool:
    return may_oversee(request.user) and bool(shown.claimed_by_id or shown.reserved_for_id)


def problem(request: StaffRequest, item_id: int, text: str, status: int = 422) -> HttpResponse:
    """Show the problem next to the buttons; the input is kept."""
    if request.htmx:
        answer = render(request, "review/_problem.html", {"problem": text}, status=status)
        return reswap(retarget(answer, "#problem"), "innerHTML")
    context = focus_context(request, item_id) | {"problem": text, "note": request.POST.get("note", "")}
    return render(request, "review/focus.html", context, status=status)


def is_on_screen(request: StaffRequest, item_id: int) -> bool:
    """Whether the browser says that the picture on the screen, when the answer was given, was this item's."""
    return request.POST.get("shown_item") == str(item_id)


def is_another_on_screen(request: StaffRequest, item_id: int) -> bool:
    """Whether the picture on the screen was another item's, or the browser does not say. None at all is not another:
    an item whose picture cannot be shown is skipped."""
    return request.POST.get("shown_item") not in ("", str(item_id))


def another_picture(request: StaffRequest, item_id: int) -> HttpResponse:
    """409: nothing was recorded. The whole page of the item comes with it, so that picture and form agree again."""
    try:
        claim_renew(item_id=item_id, reviewer=request.user)
    except ClaimLost as lost:
        return claim_lost(request, item_id, lost)
    context = focus_context(request, item_id) | {
        "problem": gettext(
            "Nothing was recorded for item %(item)s: its picture was not the one on the screen. "
            "Look at the picture, then answer again."
        )
        % {"item": item_id},
        "note": request.POST.get("note", ""),
    }
    if not request.htmx:
        return render(request, "review/focus.html", context, status=409)
    answer = render(request, "review/_focus.html", context, status=409)
    return push_url(reswap(retarget(answer, "#main"), "innerHTML"), reverse("review:item", args=[item_id]))


def claim_lost(request: StaffRequest, item_id: int, lost: ClaimLost) -> HttpResponse:
    """409: nothing was changed; the note goes back to the page, so that it is not lost too."""
    context = {"detail": lost.detail, "item_id": item_id, "note": request.POST.get("note", "")}
    if request.htmx:
        answer = render(request, "review/_claim_lost.html", context, status=409)
        return reswap(retarget(answer, "#decision"), "outerHTML")
    return render(request, "review/claim_lost.html", context, status=409)
