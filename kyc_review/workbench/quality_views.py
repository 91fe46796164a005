"""Pages on the quality of reviewers, and the choice of calibration items."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_decide, require
from kyc_review.review.calibration import gold_add
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.quality import RECENT_DECISIONS, USUAL_MIN, qualities
from kyc_review.review.recent_decisions import ROWS_SHOWN, answers
from kyc_review.review.refusals import refusals_sampled
from kyc_review.review.shared_control import shared_control
from kyc_review.workbench.rendering import in_focus


@require_safe
@never_cache
@staff_only
def quality(request: StaffRequest) -> HttpResponse:
    rows = qualities(viewer=request.user)
    own = next((row for row in rows if row.person.pk == request.user.pk), None)
    latest = answers(viewer=request.user)[:ROWS_SHOWN]
    context = {
        "rows": rows,
        "own": own,
        "latest": latest,
        "may_decide": may_decide(request.user),
        "refusals": refusals_sampled(viewer=request.user),
        "shared_control": shared_control(viewer=request.user),
        "independence_days": settings.APPROVER_INDEPENDENCE_DAYS,
        "pace_recent": RECENT_DECISIONS,
        "pace_least": USUAL_MIN,
    }
    return render(request, "review/quality.html", context)


@require_POST
@staff_only
def gold(request: StaffRequest, item_id: int) -> HttpResponse:
    """Use a decided face, with the answer that stands, to calibrate others."""
    require(request.user, Right.OVERSEE)
    item = in_focus(request, item_id)
    final = Decision.objects.final().filter(submission=item.submission_id)
    word = final.exclude(item__reason=ReviewItem.Reason.GOLD).order_by("pk").last()
    try:
        if word is None:
            raise ValueError(gettext("Only a decided item can be used."))
        gold_add(submission_id=item.submission_id, senior=request.user, label=word.label)
        messages.success(
            request, gettext("Item %(item)s will be mixed in for calibration.") % {"item": item_id}
        )
    except ValueError as refused:
        messages.error(request, str(refused))
    return HttpResponseRedirect(reverse("review:item", args=[item_id]))
