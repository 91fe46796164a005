"""The page "Yesterday": what one reviewer can learn from their last day of work. Only they see it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.evidence.models import Evidence
from kyc_review.evidence.responses import derivative_response, picture_response
from kyc_review.review.blinding import outcome_seen_record
from kyc_review.review.lessons import ANSWERED, Lesson, lesson_item, lessons
from kyc_review.review.models import ReviewItem
from kyc_review.review.viewing import item_view_record

FACE, MASK = "face", "mask"
# How the answer is known, as the page says it.
SOURCES = {
    "known": gettext_lazy("A calibration face: its answer was known beforehand."),
    "others": gettext_lazy("Colleagues who looked after you answered otherwise."),
    "later": gettext_lazy("The onboarding system reported fraud later."),
    ANSWERED: gettext_lazy("You escalated it; this is the answer."),
}


@require_safe
@never_cache
@staff_only
def yesterday(request: StaffRequest) -> HttpResponse:
    found = lessons(viewer=request.user)
    for lesson in found:
        outcome_seen_record(submission=lesson.item.submission, viewer=request.user)
    rows = [(lesson, SOURCES[lesson.source], has_mask(lesson)) for lesson in found]
    return render(request, "review/yesterday.html", {"lessons": rows})


def has_mask(lesson: Lesson) -> bool:
    """Whether the segmentation model marked something in the picture."""
    evidence = getattr(lesson.item.submission, "evidence", None)
    if evidence is None or evidence.state != Evidence.State.READY or MASK not in evidence.pictures:
        return False
    return not evidence.facts.get(MASK, {}).get("is_faint")


@require_safe
@staff_only
def lesson_picture(request: StaffRequest, item_id: int, name: str) -> HttpResponseBase:
    """The face of one of the viewer's lessons, or the mask that lies on it."""
    item: ReviewItem | None = lesson_item(viewer=request.user, item_id=item_id)
    if item is None:
        raise PermissionDenied(gettext("This face is not among those of your last day of work."))
    item_view_record(item=item, viewer=request.user)
    if name == FACE:
        return derivative_response(item.submission)
    evidence = getattr(item.submission, "evidence", None)
    if name != MASK or evidence is None or MASK not in evidence.pictures:
        raise Http404(gettext("There is no such view of this item."))
    try:
        return picture_response(evidence, MASK)
    except FileNotFoundError as gone:
        raise Http404(gettext("This view is gone.")) from gone
