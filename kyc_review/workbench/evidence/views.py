"""The evidence of one item: the panel, which the page asks for until it is complete, and its pictures."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.evidence import services
from kyc_review.evidence.responses import (
    derivative_response,
    picture_response,
    reference_response,
    thumbnail_response,
)
from kyc_review.review.models import ReviewItem
from kyc_review.review.viewing import item_view_record
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence import selectors
from kyc_review.workbench.evidence.context import outcomes_told_record, panel_context


@require_safe
@never_cache
@staff_only
def panel(request: StaffRequest, item_id: int) -> HttpResponse:
    """The panel and the viewer's panes."""
    item = _item(request, item_id)
    if selectors.may_see_evidence(viewer=request.user, item=item):
        item_view_record(item=item, viewer=request.user)
    context = panel_context(item=item, viewer=request.user) | {"swaps_panes": True}
    outcomes_told_record(told=[*context["look_alikes"], *context["others"]], viewer=request.user)
    return render(request, "evidence/_panel.html", context)


@require_safe
@staff_only
def picture(request: StaffRequest, item_id: int, name: str) -> HttpResponseBase:
    item = selectors.item_with_evidence(viewer=request.user, item_id=item_id)
    if item is None:
        evidence = selectors.evidence_ahead(viewer=request.user, item_id=item_id)
    else:
        evidence = selectors.evidence_of(viewer=request.user, item=item)
    if item is None and evidence is None:
        raise _refusal(item_id)
    if evidence is None or name not in evidence.pictures:
        raise Http404(gettext("There is no such view of this item."))
    if item is not None:
        item_view_record(item=item, viewer=request.user)
    try:
        return picture_response(evidence, name)
    except FileNotFoundError as gone:
        services.evidence_renew(evidence=evidence)
        raise Http404(gettext("This view is gone; it is being made again.")) from gone


@require_safe
@never_cache
@staff_only
def comparisons(request: StaffRequest, item_id: int) -> HttpResponse:
    """The pictures to choose from, small, for a pane next to the photograph."""
    item = _item(request, item_id)
    seen = selectors.comparable(viewer=request.user, item=item, most=selectors.COMPARED_MAX)
    context = {
        "item": item,
        "comparable": seen,
        "has_reference": selectors.has_reference(item),
        "is_open": selectors.may_see_evidence(viewer=request.user, item=item),
    }
    outcomes_told_record(told=seen, viewer=request.user)
    return render(request, "evidence/_comparisons.html", context)


@require_safe
@staff_only
def reference(request: StaffRequest, item_id: int) -> HttpResponseBase:
    """The reference image that came with the selfie, as large as the item's own picture."""
    return reference_response(_with_reference(request, item_id, "picture"), is_small=False)


@require_safe
@staff_only
def reference_thumbnail(request: StaffRequest, item_id: int) -> HttpResponseBase:
    return reference_response(_with_reference(request, item_id, "thumbnail"), is_small=True)


def _with_reference(request: StaffRequest, item_id: int, size: str) -> Submission:
    """The item's submission, if it has a reference image; the look at it is recorded. Raises 403, 404."""
    item = _item(request, item_id)
    if not selectors.has_reference(item):
        raise Http404(gettext("No reference image came with this picture."))
    detail = {"reference_of_item": item.pk, "size": size}
    audit.record(
        action="submission.reference_looked_at", actor=request.user, target=item.submission, detail=detail
    )
    return item.submission


@require_safe
@staff_only
def compared(request: StaffRequest, item_id: int, submission_id: UUID) -> HttpResponseBase:
    """Another submission's picture, as large as the item's own."""
    return derivative_response(_compared(request, item_id, submission_id, "picture"))


@require_safe
@staff_only
def compared_thumbnail(request: StaffRequest, item_id: int, submission_id: UUID) -> HttpResponseBase:
    return thumbnail_response(_compared(request, item_id, submission_id, "thumbnail"))


def _compared(request: StaffRequest, item_id: int, submission_id: UUID, size: str) -> Submission:
    """The submission, if it may be compared with the item's; the look at it is recorded. Raises 403, 404."""
    item = _item(request, item_id)
    for seen in selectors.comparable(viewer=request.user, item=item):
        if seen.submission.pk == submission_id:
            detail = {"compared_with_item": item.pk, "size": size}
            audit.record(
                action="submission.looked_at", actor=request.user, target=seen.submission, detail=detail
            )
            return seen.submission
    raise Http404(gettext("There is no such picture to compare with."))


def _item(request: StaffRequest, item_id: int) -> ReviewItem:
    item = selectors.item_with_evidence(viewer=request.user, item_id=item_id)
    if item is None:
        raise _refusal(item_id)
    return item


def _refusal(item_id: int) -> Exception:
    if ReviewItem.objects.filter(pk=item_id).exists():
        return PermissionDenied(gettext("You do not hold this item."))
    return Http404(gettext("There is no such item."))
