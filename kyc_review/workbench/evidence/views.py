"""The evidence of one item: the panel, which the page asks for until it is complete, and its pictures."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.evidence import services
from kyc_review.evidence.responses import picture_response
from kyc_review.review.models import ReviewItem
from kyc_review.workbench.evidence import selectors
from kyc_review.workbench.evidence.context import panel_context


@require_safe
@never_cache
@staff_only
def panel(request: StaffRequest, item_id: int) -> HttpResponse:
    """The panel and the viewer's panes."""
    item = _item(request, item_id)
    context = panel_context(item=item, viewer=request.user) | {"swaps_panes": True}
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
        raise Http404("There is no such view of this item.")
    try:
        return picture_response(evidence, name)
    except FileNotFoundError as gone:
        services.evidence_renew(evidence=evidence)
        raise Http404("This view is gone; it is being made again.") from gone


def _item(request: StaffRequest, item_id: int) -> ReviewItem:
    item = selectors.item_with_evidence(viewer=request.user, item_id=item_id)
    if item is None:
        raise _refusal(item_id)
    return item


def _refusal(item_id: int) -> Exception:
    if ReviewItem.objects.filter(pk=item_id).exists():
        return PermissionDenied("You do not hold this item.")
    return Http404("There is no such item.")
