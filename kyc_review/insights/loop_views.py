"""The page on how decisions train models, and how models perform."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, require
from kyc_review.insights import model_monitoring
from kyc_review.review.late_outcomes import late_by_bundle

DAYS = (30, 90, 365)


@require_safe
@never_cache
@staff_only
def loop(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.SEE_INSIGHTS)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, DAYS) else 90
    viewer, since = request.user, timezone.now() - timedelta(days=days)
    decisions = model_monitoring.decisions_counted(viewer=viewer, since=since)
    scored = model_monitoring.scored_by_week(viewer=viewer, since=since)
    bias_weeks = model_monitoring.bias_by_week(decisions)
    context = {
        "days": days,
        "choices": DAYS,
        "weeks": model_monitoring.labels_by_week(decisions),
        "versions": model_monitoring.versions(scored, viewer=viewer, since=since),
        "version_weeks": model_monitoring.weeks_of_versions(scored, viewer=viewer),
        "bias_weeks": bias_weeks,
        "agreement": model_monitoring.agreement_by_week(decisions),
        "bias": model_monitoring.automation_bias(bias_weeks),
        "late": late_by_bundle(viewer=viewer),
        "audit_share": settings.AUDIT_SHARE,
        "audit_risk_share": settings.AUDIT_RISK_SHARE,
    }
    return render(request, "insights/loop.html", context)
