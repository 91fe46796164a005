"""The case of a submission: its attempts, decisions and comments on one page, and appeals."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.core.permissions import (
    Right,
    may_decide,
    may_oversee,
    may_see_faces,
    may_see_insights,
    require,
)
from kyc_review.evidence.responses import thumbnail_response
from kyc_review.review import cases
from kyc_review.review.appeals import AppealRefused, appeal_by_senior, appeal_refusal
from kyc_review.review.blinding import possible_reviewers
from kyc_review.review.cases import Case, CommentRefused
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.forms import AppealForm, CommentForm

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

COMMENT_ADDED = gettext_lazy("The comment was added.")
APPEAL_OPENED = gettext_lazy("The appeal waits for somebody who has not seen the picture.")
# One text for every state of the picture: another one would tell whether it was judged before.
APPEAL_HIDDEN = gettext_lazy(
    "Appeals are opened from cases whose decisions you may read; this one is not open to you yet."
)


@require_safe
@never_cache
@staff_only
def case(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """The case on a page of its own; to a request by htmx, as a tab of the submission's page."""
    return _page(request, _found(request, submission_id), is_on_submission=True)


@require_safe
@never_cache
@staff_only
def case_of_item(request: StaffRequest, item_id: int) -> HttpResponse:
    """Leads from an item to its case, which htmx shows as a tab of the item's page.

    The item's page has this address, because the submission's id would tell whether the picture came before; it leads
    nowhere while the item is blinded.
    """
    item = ReviewItem.objects.filter(pk=item_id).first()
    found = cases.case_of(viewer=request.user, submission_id=item.submission_id) if item else None
    if found is None or found.is_blinded:
        raise PermissionDenied(gettext("You do not hold this item, or it waits for your first call."))
    return _page(request, found, item_id=item_id) if request.htmx else _back(found.submission.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def comment(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """Add a comment. A refused one is shown at this address with its text; loading it again leads back."""
    found = _found(request, submission_id)
    if request.method != "POST":
        return _back(submission_id)
    form = CommentForm(request.POST)
    form.full_clean()
    try:
        cases.comment_add(submission_id=submission_id, author=request.user, text=form.cleaned_data["text"])
    except CommentRefused as refused:
        return _page(
            request, found, comment_problem=refused.detail, text=form.cleaned_data["text"], status=422
        )
    return _done(request, submission_id, COMMENT_ADDED)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def appeal(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """Open an item for somebody who has not seen the picture. It needs a case that the senior may read whole, because
    the reason of a refusal tells what became of the picture."""
    found = _found(request, submission_id)
    if request.method != "POST":
        return _back(submission_id)
    require(request.user, Right.OVERSEE)
    if not found.is_whole:
        reason = request.POST.get("reason", "")
        return _page(request, found, appeal_problem=str(APPEAL_HIDDEN), reason=reason, status=409)
    form = AppealForm(request.POST)
    form.full_clean()
    try:
        appeal_by_senior(submission_id=submission_id, senior=request.user, text=form.cleaned_data["reason"])
    except AppealRefused as refused:
        reason = form.cleaned_data["reason"]
        return _page(request, found, appeal_problem=refused.detail, reason=reason, status=409)
    return _done(request, submission_id, APPEAL_OPENED)


@require_safe
@staff_only
def picture(request: StaffRequest, submission_id: UUID, member_id: UUID) -> HttpResponseBase:
    """A small picture of the submission, or of another attempt of the applicant; the look is recorded."""
    found = _found(request, submission_id)
    row = cases.case_picture(case=found, member_id=member_id, viewer=request.user)
    if row is None:
        raise Http404(gettext("There is no such picture in this case, or you may not see it."))
    detail = {"case": str(submission_id), "size": "thumbnail"}
    audit.record(action="submission.looked_at", actor=request.user, target=row, detail=detail)
    return thumbnail_response(row)


def _page(
    request: StaffRequest,
    found: Case,
    *,
    text: str = "",
    comment_problem: str = "",
    appeal_problem: str = "",
    reason: str = "",
    told: StrOrPromise = "",
    item_id: int | None = None,
    is_on_submission: bool = False,
    status: int = 200,
) -> HttpResponse:
    cases.case_read_record(case=found, viewer=request.user)
    reviewers = possible_reviewers(submission_id=found.submission.pk, may_know_picture=True)
    sees_pictures = may_see_faces(request.user) or may_decide(request.user)
    context = {
        "case": found,
        "submission": found.submission,
        "sees_pictures": sees_pictures,
        "may_comment": may_decide(request.user) and not found.submission.erased_at,
        "is_reviewer_left": reviewers.exists,  # called by the template where it says so
        "may_be_asked": reviewers.filter(pk=request.user.pk).exists,
        "may_appeal": found.is_whole and may_oversee(request.user) and not appeal_refusal(found.submission),
        "opens_submissions": may_see_insights(request.user),
        "opens_items": may_oversee(request.user),
        "text": text,
        "comment_problem": comment_problem,
        "appeal_problem": appeal_problem,
        "reason": reason,
        "told": told,
        "item_id": item_id,
        "is_tab": bool(request.htmx),
        "is_on_submission": is_on_submission and bool(request.htmx),
    }
    template = "review/_case_tab.html" if request.htmx else "review/case.html"
    return render(request, template, context, status=status)


def _done(request: StaffRequest, submission_id: UUID, told: StrOrPromise) -> HttpResponse:
    """After a change: the case as it is now in its tab, or its page."""
    if request.htmx:
        return _page(request, _found(request, submission_id), told=told)
    messages.success(request, told)
    return _back(submission_id)


def _back(submission_id: UUID) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("review:case", args=[submission_id]))


def _found(request: StaffRequest, submission_id: UUID) -> Case:
    found = cases.case_of(viewer=request.user, submission_id=submission_id)
    if found is not None:
        return found
    if Submission.objects.filter(pk=submission_id, is_test=False).exists():
        raise PermissionDenied(
            gettext(
                "This case is for seniors, admins and auditors, and for reviewers who hold its item or are "
                "mentioned in it."
            )
        )
    raise Http404(gettext("There is no such case."))
