"""A submission's dossier by page."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit.archives import archive_response
from kyc_review.core.permissions import Right, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.insights.search import submissions_visible
from kyc_review.records.dossier import Audience, dossier_file


@require_safe
@staff_only
def dossier(request: StaffRequest, submission_id: UUID, audience: str) -> HttpResponseBase:
    """The archive for an auditor or for the applicant; every download is recorded in the audit log."""
    require(request.user, Right.READ_AUDIT_LOG)
    if audience not in list(Audience):
        raise Http404("A dossier is for an auditor, or for the subject of the data.")
    row = get_object_or_404(submissions_visible(viewer=request.user), pk=submission_id)
    with refusals_shown(request):
        packed = dossier_file(submission=row, audience=Audience(audience), viewer=request.user)
        return archive_response(packed, f"dossier-{audience}-{row.pk}.zip")
    return HttpResponseRedirect(reverse("insights:submission", args=[row.pk]))
