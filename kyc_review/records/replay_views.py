"""The item page as its reviewer saw it, read-only, for admins and auditors; the face only for those who see faces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, may_see_faces, require
from kyc_review.evidence.responses import picture_response
from kyc_review.insights.search import is_hidden, submissions_visible
from kyc_review.records.replay import Replay, replay_of
from kyc_review.review.clearance import checks_missing
from kyc_review.review.models import Decision
from kyc_review.scoring.check_words import troubles
from kyc_review.workbench.evidence import presenters
from kyc_review.workbench.evidence.alerts import all_alerts
from kyc_review.workbench.evidence.file_findings import file_findings
from kyc_review.workbench.evidence.selectors import Seen, close_ups_of
from kyc_review.workbench.presenters import vote_panel

FIRST, REVEALED = "first", "revealed"


@require_safe
@never_cache
@staff_only
def replay(request: StaffRequest, submission_id: UUID, decision_id: int) -> HttpResponse:
    """`?stage=first`: before the first call of a blind item. Every look is recorded in the audit log."""
    seen = _seen(request, submission_id, decision_id)
    stages = _stages(seen)
    stage = request.GET.get("stage", stages[-1])
    if stage not in stages:
        raise Http404("The reviewer saw no such page.")
    detail = {"decision": seen.decision.pk, "stage": stage}
    audit.record(
        action="submission.replayed", actor=request.user, target=seen.decision.submission, detail=detail
    )
    return render(request, "records/replay.html", _context(request, seen, stage))


@require_safe
@staff_only
def view(request: StaffRequest, submission_id: UUID, decision_id: int, name: str) -> HttpResponseBase:
    """A picture of the evidence that was there; recorded in the audit log."""
    seen = _seen(request, submission_id, decision_id)
    require(request.user, Right.SEE_FACES)
    if seen.evidence is None or not seen.revealed_at or name not in seen.evidence.pictures:
        raise Http404("The reviewer saw no such view.")
    detail = {"decision": seen.decision.pk, "view": name}
    audit.record(
        action="submission.looked_at", actor=request.user, target=seen.decision.submission, detail=detail
    )
    try:
        return picture_response(seen.evidence, name)
    except FileNotFoundError as gone:
        raise Http404("This view is gone.") from gone


def _seen(request: StaffRequest, submission_id: UUID, decision_id: int) -> Replay:
    require(request.user, Right.READ_AUDIT_LOG)
    row = get_object_or_404(submissions_visible(viewer=request.user), pk=submission_id)
    if is_hidden(viewer=request.user, submission=row):
        raise PermissionDenied(
            _("You may still be asked to review this face: its history is hidden until then.")
        )
    decisions = Decision.objects.select_related(
        "item", "reviewer", "undo", "submission__integration", "submission__scoring"
    )
    return replay_of(get_object_or_404(decisions, pk=decision_id, submission=row))


def _stages(seen: Replay) -> list[str]:
    is_blind = seen.decision.item.is_blind and not seen.is_correction
    return [FIRST] * is_blind + [REVEALED] * (seen.revealed_at is not None)


def _context(request: StaffRequest, seen: Replay, stage: str) -> dict[str, Any]:
    item = seen.decision.item
    item.submission = seen.decision.submission
    context: dict[str, Any] = {
        "seen": seen,
        "decision": seen.decision,
        "item": item,
        "submission": item.submission,
        "stage": stage,
        "stages": _stages(seen),
        "has_face": may_see_faces(request.user) and not item.submission.erased_at,
        "image": reverse("insights:image", args=[item.submission_id]),
        "is_open": stage == REVEALED,
        "close_ups": presenters.close_ups(close_ups_of(item=item)),
        "shown_at": seen.claimed_at if stage == FIRST else seen.revealed_at,
    }
    return context | (_revealed(seen) if stage == REVEALED else {})


def _revealed(seen: Replay) -> dict[str, Any]:
    """What was hidden before the first call."""
    item, evidence = seen.decision.item, seen.evidence
    checks = troubles(item.submission.checks.all())
    findings = presenters.findings(evidence) if evidence else []
    files = file_findings(item.submission)
    has_close = evidence is not None and "close" in evidence.pictures
    return {
        "votes": vote_panel(item),
        "checks": checks,
        "has_failed_check": any(line.has_failed for line in checks),
        "findings": [*files, *findings],
        "auxiliary_models": presenters.auxiliary_lines(evidence, {}) if evidence else [],
        "alerts": all_alerts(
            twins=_told(seen, is_look_alike=True),
            others=_told(seen, is_look_alike=False),
            findings=[*findings, *files],
            checks=checks,
            is_unchecked=checks_missing(item, item.submission.checks.all()),
            own_result="",
        ),
        "panes": [replace(pane, source=_own(seen, pane.source)) for pane in presenters.panes(item, evidence)],
        "close": _own(seen, presenters.picture_url(item, "close")) if has_close else "",
    }


def _told(seen: Replay, *, is_look_alike: bool) -> list[Seen]:
    """The other submissions with the result that they had then."""
    own, told = seen.decision.submission, []
    for other in seen.others:
        if other.is_look_alike == is_look_alike:
            row = other.submission
            row.result = other.result
            same = bool(own.applicant_ref) and row.applicant_ref == own.applicant_ref
            differs = bool(own.applicant_ref and row.applicant_ref) and not same
            told.append(Seen(row, None, other.bits_apart, other.same_file, same, differs))
    return told


def _own(seen: Replay, source: str) -> str:
    """The address of a view here, from its address on the item page, which is for the reviewer alone."""
    decision = seen.decision
    here = reverse("records:replay_view", args=[decision.submission_id, decision.pk, "x"])
    there = presenters.picture_url(decision.item, "x")
    return source.replace(there.removesuffix("x/"), here.removesuffix("x/"), 1)
