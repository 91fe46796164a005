"""The dashboard, the search and one submission with its whole history, which an admin can erase."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from kyc_review.accounts.reauthentication import unconfirmed
from kyc_review.accounts.single_sign_on.confirmation import confirmation_use
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.core.permissions import (
    Right,
    may_decide,
    may_erase,
    may_oversee,
    may_read_audit_log,
    may_see_faces,
    require,
)
from kyc_review.datasets.erasure_marks import holders_of_submission
from kyc_review.evidence.responses import derivative_response, reference_response
from kyc_review.insights import dashboard_queries
from kyc_review.insights.chart_filters import in_words
from kyc_review.insights.forms import EraseForm, SearchForm
from kyc_review.insights.search import Found, history, is_hidden, submissions_found, submissions_visible
from kyc_review.lifecycle.erase import ErasureRefused, submission_erase_alone, why_no_erasure
from kyc_review.review.blinding import outcome_seen_record
from kyc_review.review.models import PlantedForgery, ReviewItem
from kyc_review.scoring.check_words import check_lines
from kyc_review.scoring.state import NOT_YET_SCORED, scoring_state
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import Submission

DAYS = (1, 7, 30)
ROWS = 50


@require_safe
@never_cache
@staff_only
def dashboard(request: StaffRequest) -> HttpResponse:
    _require(request)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, DAYS) else 7
    viewer, since = request.user, timezone.now() - timedelta(days=days)
    context = {
        "days": days,
        "choices": DAYS,
        "since": since,
        "looks_on": may_oversee(viewer),
        "queue": dashboard_queries.queue_by_reason(viewer=viewer),
        "totals": dashboard_queries.totals(viewer=viewer, since=since),
        "hours": dashboard_queries.decisions_by_hour(
            viewer=viewer, since=max(since, timezone.now() - timedelta(days=7))
        ),
        "reviewers": dashboard_queries.work_by_reviewer(viewer=viewer, since=since),
        "online": dashboard_queries.reviewers_online(viewer=viewer),
        "outcomes": dashboard_queries.outcomes_by_day(viewer=viewer, since=since),
        "members": dashboard_queries.member_disagreement(viewer=viewer, since=since),
        "checks": dashboard_queries.check_troubles(viewer=viewer, since=since),
        "scoring": scoring_state(),
        "standstill_s": settings.SCORING_STANDSTILL_S,
        "tells_problem": True,
    }
    return render(request, "insights/dashboard.html", context)


@require_safe
@never_cache
@staff_only
def search(request: StaffRequest) -> HttpResponse:
    _require(request)
    form = SearchForm(request.GET)
    found = Found([], "")
    if form.is_valid():
        found = submissions_found(viewer=request.user, wanted=form.cleaned_data, limit=ROWS)
    filters = request.GET.copy()
    filters.pop("after", None)
    context = {
        "narrowed": in_words(form.cleaned_data) if form.is_valid() else "",
        "form": form,
        "found": found,
        "hides_results": any(row.hides_result for row in found.rows),  # type: ignore[attr-defined]
        "filters": filters.urlencode(),
        "is_first_page": not request.GET.get("after"),
        "tells_planted": not may_decide(request.user),
    }
    return render(request, "insights/search.html", context)


@require_safe
@never_cache
@staff_only
def submission(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    row = _found(request, submission_id)
    if not is_hidden(viewer=request.user, submission=row):
        outcome_seen_record(submission=row, viewer=request.user)
    return _submission(request, row)


@sensitive_post_parameters()
@require_POST
@staff_only
def erasure(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """Permanently delete the picture and all references to the applicant."""
    row = _found(request, submission_id)
    require(request.user, Right.ERASE)
    form = EraseForm(request.POST)
    # In this order, so that a code is used up only where nothing else is in the way.
    problem = "" if not form.is_valid() else why_no_erasure(actor=request.user) or unconfirmed(request)
    if form.errors or problem:
        return _submission(request, row, form, problem=problem, status=422)
    try:
        submission_erase_alone(submission_id=row.pk, reason=form.cleaned_data["reason"], actor=request.user)
    except ErasureRefused as refused:
        return _submission(request, row, form, problem=refused.detail, status=422)
    confirmation_use(request)
    messages.success(request, gettext("The submission was erased."))
    return HttpResponseRedirect(reverse("insights:submission", args=[row.pk]))


def _submission(
    request: StaffRequest,
    row: Submission,
    form: EraseForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    hidden = is_hidden(viewer=request.user, submission=row)
    snapshots, bundles = holders_of_submission(viewer=request.user, submission_id=row.pk)
    tells_planted = not may_decide(request.user)
    context = {
        "submission": row,
        "hidden": hidden,
        "is_scored": row.state not in NOT_YET_SCORED,
        "scoring": None if hidden else getattr(row, "scoring", None),
        "checks": [] if hidden else check_lines(row.checks.all()),
        "held_by_check": any(check.action == Action.REVIEW for check in row.checks.all()),
        "history": history(viewer=request.user, submission=row),
        "may_see_faces": may_see_faces(request.user) and not row.erased_at,
        "may_read_audit_log": may_read_audit_log(request.user) and not hidden,
        "may_take_dossier": may_read_audit_log(request.user) and tells_planted,
        "may_erase": may_erase(request.user) and not row.erased_at,
        "planted": PlantedForgery.objects.filter(submission=row).first() if tells_planted else None,
        "forged": PlantedForgery.objects.filter(source=row).first() if tells_planted else None,
        "form": form or EraseForm(),
        "problem": problem,
        "decided_item": None if hidden or not may_oversee(request.user) else _decided_item(row),
        "may_correct": may_decide(request.user),
        "snapshots": snapshots,
        "bundles": bundles,
    }
    return render(request, "insights/submission.html", context, status=status)


def _decided_item(row: Submission) -> ReviewItem | None:
    """The latest item that a person decided and that can be corrected."""
    items = row.review_items.filter(state=ReviewItem.State.DECIDED, decisions__isnull=False)
    return items.exclude(reason=ReviewItem.Reason.GOLD).order_by("-pk").first()


@require_safe
@staff_only
def image(request: StaffRequest, submission_id: UUID) -> HttpResponseBase:
    """The face; every view is recorded in the audit log."""
    row = _face(request, submission_id)
    audit.record(action="submission.looked_at", actor=request.user, target=row)
    return derivative_response(row)


@require_safe
@staff_only
def reference(request: StaffRequest, submission_id: UUID) -> HttpResponseBase:
    """The reference image that came with it; every view is recorded in the audit log."""
    row = _face(request, submission_id)
    if not row.reference_sha256 or row.erased_at:
        raise Http404(gettext("No reference image came with this submission."))
    audit.record(action="submission.reference_looked_at", actor=request.user, target=row)
    return reference_response(row, is_small=False)


def _face(request: StaffRequest, submission_id: UUID) -> Submission:
    """Raises PermissionDenied for those who do not see faces here."""
    row = _found(request, submission_id)
    require(request.user, Right.SEE_FACES)
    return row


def _found(request: StaffRequest, submission_id: UUID) -> Submission:
    _require(request)
    row = submissions_visible(viewer=request.user).filter(pk=submission_id).first()
    if row is None:
        raise Http404(gettext("There is no such submission."))
    return row


def _require(request: StaffRequest) -> None:
    require(request.user, Right.SEE_INSIGHTS)
