"""Views for claiming and deciding. Rules are in the services."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, trigger_client_event

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.template_texts import mid_sentence
from kyc_review.evidence.responses import derivative_response, thumbnail_response
from kyc_review.review import selectors
from kyc_review.review.blinding import outcome_seen_record
from kyc_review.review.claims import (
    ClaimLost,
    claim_lease,
    claim_renew,
    claim_renew_if_held,
    item_reserve_next,
)
from kyc_review.review.clearance import waits_for_another
from kyc_review.review.corrections import correction_state, decision_correct
from kyc_review.review.decisions import TooLate, decision_record, first_call_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.recent_decisions import items_answered, recent_faces
from kyc_review.review.undo import act_undo
from kyc_review.review.viewing import item_view_record
from kyc_review.workbench.evidence.context import views_ahead
from kyc_review.workbench.forms import ClaimForm, DecisionForm, FirstCallForm
from kyc_review.workbench.presenters import ANOTHER_JUDGES
from kyc_review.workbench.queue_page import queue_context
from kyc_review.workbench.rendering import (
    another_picture,
    claim_and_show,
    claim_lost,
    focus_context,
    is_on_screen,
    problem,
)


@require_POST
@staff_only
def item_next(request: StaffRequest) -> HttpResponse:
    form = ClaimForm(request.POST)
    form.full_clean()
    return claim_and_show(request, include_skipped=form.cleaned_data["skipped"])


@require_POST
@staff_only
def item_ahead(request: StaffRequest) -> HttpResponse:
    """Keep the next item for this reviewer and say where its face is, so that it is there when it is needed.

    For a blind one, only the face; for others also the open views.
    """
    kept = item_reserve_next(reviewer=request.user)
    if kept is None:
        return JsonResponse({"image": None})
    return JsonResponse(
        {
            "image": reverse("review:image", args=[kept.pk]),
            "posted": max(kept.submission.width, kept.submission.height),
            "is_blinded": kept.is_blind,
            "views": [] if kept.is_blind else views_ahead(kept),
        }
    )


@require_safe
@never_cache
@staff_only
def item(request: StaffRequest, item_id: int) -> HttpResponse:
    claim_renew_if_held(item_id=item_id, reviewer=request.user)
    return _item_page(request, item_id)


def _item_page(request: StaffRequest, item_id: int, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page, of which the viewer is no longer asked to judge the face where it shows the outcome."""
    context = focus_context(request, item_id)
    if context.get("decision") is not None:
        outcome_seen_record(submission=context["item"].submission, viewer=request.user)
    return render(request, "review/focus.html", context | more, status=status)


@require_safe
@staff_only
def image(request: StaffRequest, item_id: int) -> HttpResponseBase:
    """The face, if the viewer may see it now: the display derivative, never the original bytes."""
    shown = selectors.faces_shown(viewer=request.user).filter(pk=item_id).first()
    shown = shown or items_answered(viewer=request.user).filter(pk=item_id).first()
    if shown is None:
        if ReviewItem.objects.filter(pk=item_id).exists():
            raise PermissionDenied(gettext("You do not hold this item."))
        raise Http404(gettext("There is no such item."))
    item_view_record(item=shown, viewer=request.user)
    return derivative_response(shown.submission)


@require_POST
@staff_only
def first_call(request: StaffRequest, item_id: int) -> HttpResponse:
    """Note the first call of a blind item and show what was hidden. 409 if another picture was on the screen."""
    if not is_on_screen(request, item_id):
        return another_picture(request, item_id)
    form = FirstCallForm(request.POST)
    if not form.is_valid():
        return problem(request, item_id, gettext("Choose real, fake or not assessable first."))
    try:
        first_call_record(item_id=item_id, reviewer=request.user, label=form.cleaned_data["label"])
    except ClaimLost as lost:
        return claim_lost(request, item_id, lost)
    if not request.htmx:
        return HttpResponseRedirect(reverse("review:item", args=[item_id]))
    answer = render(request, "review/_known.html", focus_context(request, item_id) | {"is_revealed": True})
    return _with_remaining(answer, claim_lease())


@require_POST
@staff_only
def decision(request: StaffRequest, item_id: int) -> HttpResponse:
    """Record it and show the next item in the same answer. 409 if another picture was on the screen."""
    if not is_on_screen(request, item_id):
        return another_picture(request, item_id)
    form = DecisionForm(request.POST)
    try:
        if not form.is_valid():
            lease = claim_renew(item_id=item_id, reviewer=request.user)
            return _with_remaining(problem(request, item_id, _problems(form)), lease)
        made = decision_record(item_id=item_id, reviewer=request.user, **form.cleaned_data)
    except ClaimLost as lost:
        return claim_lost(request, item_id, lost)
    waits = waits_for_another(item=made.item, label=made.label, is_sure=made.is_sure)
    told = gettext("Item %(item)s: %(label)s. Recorded.") % {
        "item": item_id,
        "label": mid_sentence(Decision.Label(made.label).label),
    }
    messages.success(request, f"{told} {ANOTHER_JUDGES}" if waits else told)
    return claim_and_show(request)


@require_POST
@staff_only
def undo(request: StaffRequest, item_id: int) -> HttpResponse:
    """Take back the last act on the item, and show it with all that was said of it."""
    try:
        act_undo(item_id=item_id, reviewer=request.user)
    except TooLate as late:
        messages.error(request, late.detail)
        return claim_and_show(request) if selectors.items_held(viewer=request.user) else _queue(request)
    messages.info(request, gettext("Item %(item)s is yours again; nothing was sent.") % {"item": item_id})
    return claim_and_show(request, restores=True)


@require_safe
@never_cache
@staff_only
def recent(request: StaffRequest) -> HttpResponse:
    """The strip of the faces that the viewer decided last."""
    return render(request, "review/_recent.html", {"faces": recent_faces(viewer=request.user)})


@require_safe
@staff_only
def thumbnail(request: StaffRequest, item_id: int) -> HttpResponseBase:
    """A small picture of a face that the viewer decided recently."""
    shown = items_answered(viewer=request.user).filter(pk=item_id).first()
    if shown is None:
        raise PermissionDenied(gettext("You did not decide this item recently."))
    item_view_record(item=shown, viewer=request.user)
    return thumbnail_response(shown.submission)


@require_POST
@staff_only
def correction(request: StaffRequest, item_id: int) -> HttpResponse:
    """Correct a final decision."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _correction_refused(request, item_id, _problems(form), status=422)
    try:
        made = decision_correct(item_id=item_id, corrector=request.user, **form.cleaned_data)
    except ClaimLost as lost:
        return _correction_refused(request, item_id, str(lost.detail), status=409)
    told = gettext("Item %(item)s was corrected.") % {"item": item_id}
    messages.success(request, f"{told} {correction_state(made).label}")
    return HttpResponseRedirect(reverse("review:item", args=[item_id]))


def _correction_refused(request: StaffRequest, item_id: int, problem: str, *, status: int) -> HttpResponse:
    """The item's page with the form as it was filled in."""
    sent = request.POST
    said: dict[str, Any] = {name: sent.get(name, "") for name in ("label", "obstacle")}
    said |= {name: sent.getlist(name) for name in ("parts", "methods")} | {"is_sure": "unsure" not in sent}
    return _item_page(
        request,
        item_id,
        status=status,
        said=said,
        chosen_obstacle=said["obstacle"],
        regions=sent.get("regions", ""),
        correction_note=sent.get("note", ""),
        correction_problem=problem,
    )


@require_POST
@staff_only
def claim(request: StaffRequest, item_id: int) -> HttpResponse:
    """A sign of life from the page: renews the claim."""
    try:
        lease = claim_renew(item_id=item_id, reviewer=request.user)
    except ClaimLost as lost:
        return claim_lost(request, item_id, lost)
    return _with_remaining(HttpResponse(status=204), lease)


def _with_remaining(answer: HttpResponse, lease: dt.timedelta) -> HttpResponse:
    """The answer, which also tells the page's clock how long the claim lasts."""
    remaining: dict[str, Any] = {"remaining_s": int(lease.total_seconds())}
    return trigger_client_event(answer, "claim:renewed", remaining)


def _queue(request: StaffRequest) -> HttpResponse:
    if not request.htmx:
        return HttpResponseRedirect(reverse("review:queue"))
    answer = render(request, "review/_queue_page.html", queue_context(request))
    return push_url(answer, reverse("review:queue"))


def _problems(form: DecisionForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
