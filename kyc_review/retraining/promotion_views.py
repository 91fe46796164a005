"""From candidate to champion in the browser: compare, propose, let another admin decide, roll back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from detection.bundle import BundleRefused
from kyc_review.accounts.reauthentication import approval_unconfirmed
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit.archives import archive_response
from kyc_review.core.permissions import Right, may_promote, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.datasets import erasure_marks
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.bundles import PromotionRefused, bundle_rollback
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import promotions_listed
from kyc_review.retraining.access import require_retraining_access
from kyc_review.retraining.comparison_presenter import present_comparison
from kyc_review.retraining.evidence_pack import promotion_pack
from kyc_review.retraining.operating_points import present_points
from kyc_review.retraining.score_figures import differing_faces, histograms, voters
from kyc_review.training.comparisons import comparison_request, is_current
from kyc_review.training.gate import gate
from kyc_review.training.gate_limits import Limits
from kyc_review.training.jobs import JobRefused
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.progress import progress_of
from kyc_review.training.promotion_basis import promotion_of
from kyc_review.training.proposals import (
    ProposalRefused,
    erased_checks,
    erased_mark,
    proposal_approve,
    proposal_open,
    proposal_reject,
)
from kyc_review.training.selectors import comparisons_listed, proposals_listed
from kyc_review.training.workload import workload


@require_POST
@staff_only
def comparisons(request: StaffRequest) -> HttpResponse:
    """Compare a bundle with the champion on a snapshot; the training worker does it."""
    _require_admin(request)
    candidate = Bundle.objects.filter(digest=request.POST.get("candidate", "")).first()
    snapshot = Snapshot.objects.filter(name=request.POST.get("snapshot", "")).first()
    if candidate is None or snapshot is None:
        messages.error(request, gettext("Choose a bundle and a ready snapshot to compare on."))
        return HttpResponseRedirect(reverse("retraining:overview"))
    try:
        made = comparison_request(snapshot=snapshot, candidate=candidate, actor=request.user)
    except JobRefused as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("retraining:overview"))
    return HttpResponseRedirect(reverse("retraining:comparison", args=[made.pk]))


@require_GET
@never_cache
@staff_only
def comparison(request: StaffRequest, number: int) -> HttpResponse:
    """The whole page at one operating point (`?shift=`); until the comparison has ended, it reloads itself."""
    return _comparison(request, _found(request, number), _shift(request.GET.get("shift", "")))


@require_POST
@staff_only
def proposals(request: StaffRequest, number: int) -> HttpResponse:
    _require_admin(request)
    row, shift = _found(request, number), _shift(request.POST.get("shift", ""))
    try:
        proposal_open(
            comparison=row,
            actor=request.user,
            reason=request.POST.get("reason", ""),
            override=request.POST.get("override", ""),
            shift=shift,
            erased_acknowledged=_acknowledged(request),
        )
    except ProposalRefused as refusal:
        typed = {name: request.POST.get(name, "") for name in ("reason", "override")}
        return _comparison(request, row, shift, typed | {"problem": str(refusal)}, status=422)
    messages.success(
        request, gettext("Proposed. Another admin must approve it before it goes into production.")
    )
    return HttpResponseRedirect(reverse("retraining:overview") + "#proposals")


@require_POST
@staff_only
def approval(request: StaffRequest, number: int) -> HttpResponse:
    _require_admin(request)
    if problem := approval_unconfirmed(request):
        messages.error(request, problem)
        return HttpResponseRedirect(reverse("retraining:overview"))
    decide = partial(proposal_approve, erased_acknowledged=_acknowledged(request))
    return _decide(request, number, decide, gettext("Approved: workers use it from their next batch on."))


@require_POST
@staff_only
def rejection(request: StaffRequest, number: int) -> HttpResponse:
    return _decide(request, number, proposal_reject, gettext("Closed without a promotion."))


@require_GET
@staff_only
def evidence(request: StaffRequest, number: int) -> HttpResponseBase:
    """The evidence pack of a promotion, for admins and auditors; every download is recorded in the audit log."""
    require_retraining_access(request.user)
    row = promotions_listed(viewer=request.user).filter(pk=number).first()
    if row is None:
        raise Http404(gettext("There is no promotion with this number."))
    with refusals_shown(request):
        packed = promotion_pack(promotion=row, actor=request.user)
        return archive_response(packed, f"evidence-promotion-{row.pk}.zip")
    return HttpResponseRedirect(reverse("retraining:overview"))


@require_GET
@staff_only
def proposal_evidence(request: StaffRequest, number: int) -> HttpResponseBase:
    """The evidence pack of the promotion that an approved proposal led to."""
    require_retraining_access(request.user)
    proposal = proposals_listed(viewer=request.user).filter(pk=number).first()
    step = promotion_of(proposal) if proposal else None
    if step is None:
        raise Http404("There is no approved proposal with this number.")
    return evidence(request, step.pk)


@require_POST
@staff_only
def rollback(request: StaffRequest) -> HttpResponse:
    """Take back the latest promotion: a bad champion must not wait for a second person."""
    _require_admin(request)
    try:
        said = {name: request.POST.get(name, "").strip() for name in ("reason", "leaving")}
        step = bundle_rollback(actor=request.user, **said)
        messages.success(
            request,
            gettext("%(version)s is in production again, from the workers' next batch on.")
            % {"version": step.bundle.version},
        )
    except (PromotionRefused, BundleRefused) as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("retraining:overview"))


def _decide(request: StaffRequest, number: int, decide: Callable[..., Proposal], done: str) -> HttpResponse:
    _require_admin(request)
    proposal = Proposal.objects.filter(pk=number).first()
    if proposal is None:
        raise Http404(gettext("There is no proposal with this number."))
    try:
        decide(proposal=proposal, actor=request.user, remark=request.POST.get("remark", "").strip())
        messages.success(request, done)
    except (ProposalRefused, BundleRefused) as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("retraining:overview"))


def _comparison(
    request: StaffRequest,
    row: Comparison,
    shift: float,
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    pair = [row.candidate, row.champion]
    marks = erasure_marks.bundle_marks(viewer=request.user, bundles=pair)
    context: dict[str, Any] = {
        "comparison": row,
        "candidate_mark": marks.get(row.candidate_id),
        "champion_mark": marks.get(row.champion_id),
        "progress": progress_of(row),
        "may_promote": may_promote(request.user),
        "is_current": is_current(row),
    }
    if row.report:
        limits, now = Limits.current(), workload(viewer=request.user)
        try:
            checks = gate(row.report, shift=shift, limits=limits)
            points = present_points(row.report, shift, limits, now)
        except KeyError as error:
            raise Http404(gettext("There is no such operating point.")) from error
        context |= {
            "shift": shift,
            "points": points,
            "histograms": histograms(row.report),
            "differing": differing_faces(viewer=request.user, snapshot=row.snapshot, report=row.report),
            "voters": voters(row.report),
            "checks": [*checks, *erased_checks(erased_mark(row.candidate))],
            "group_field": settings.COMPARISON_GROUP_FIELD,
            "gate_open": all(check.passed for check in checks),
            "compared": present_comparison(row.report, shift, now),
        }
    return render(request, "retraining/comparison.html", context | (more or {}), status=status)


def _acknowledged(request: StaffRequest) -> bool:
    return request.POST.get("erased_acknowledged") == "yes"


def _shift(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError as error:
        raise Http404(gettext("There is no such operating point.")) from error


def _found(request: StaffRequest, number: int) -> Comparison:
    require_retraining_access(request.user)
    row = comparisons_listed(viewer=request.user).filter(pk=number).first()
    if row is None:
        raise Http404(gettext("There is no comparison with this number."))
    return row


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.PROMOTE)
