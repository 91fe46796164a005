"""Small things that keep attention up: whether a pause would help, and a guide that folds away."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, require
from kyc_review.review.breaks import BreakReasons, break_reasons
from kyc_review.review.shortcuts import guidance_fold


@require_safe
@never_cache
@staff_only
def suggestion(request: StaffRequest) -> HttpResponse:
    """{kind: sentence} of what speaks for a pause now; the page asks from time to time, after a decision."""
    reasons = break_reasons(viewer=request.user)
    return JsonResponse(_sentences(reasons) if reasons else {})


def _sentences(reasons: BreakReasons) -> dict[str, str]:
    said = {}
    pace, known = reasons.pace, reasons.known_answers
    if pace.is_fast or pace.is_slow:
        words = gettext(
            "Your latest decisions took %(recent)s s each; usually you take %(usual)s s. A few minutes away may help."
        )
        said["pace"] = words % {
            "recent": number_format(round(pace.recent_s or 0, 1), 1),
            "usual": number_format(round(pace.usual_s or 0, 1), 1),
        }
    if known.has_dropped:
        words = gettext(
            "Of your latest known answers up to yesterday you found %(right)s of %(total)s, and %(earlier)s of "
            "%(earlier_total)s before. More pauses, or a slower look, may help."
        )
        said["known_answers"] = words % {
            "right": known.recent.right,
            "total": known.recent.total,
            "earlier": known.before.right,
            "earlier_total": known.before.total,
        }
    return said


@require_POST
@staff_only
def guidance(request: StaffRequest) -> HttpResponse:
    """Remember whether the person keeps the guide to a first look open. 403 for those who do not decide."""
    require(request.user, Right.DECIDE)
    guidance_fold(user=request.user, folds="folds" in request.POST)
    return HttpResponse(status=204)
