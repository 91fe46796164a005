"""Search for submissions, and the history of one. Every function takes the viewer."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext

from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event
from kyc_review.audit.receipts import receipt
from kyc_review.core.days import begin_of, end_of
from kyc_review.core.permissions import Right, may_decide, may_see_insights, require
from kyc_review.core.serializers import reference_spellings
from kyc_review.insights.chart_filters import points_found
from kyc_review.insights.dashboard_queries import sla_moments
from kyc_review.review.models import UNDECIDED_STATES, WAITING_STATES, Decision, ReviewItem
from kyc_review.review.selectors import listed_reason
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import State, Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

NOT_YET_DECIDED = Q(state__in=UNDECIDED_STATES)
SEEN = Q(is_blinded=False)  # of `submissions_visible`


def submissions_visible(*, viewer: User) -> QuerySet[Submission]:
    """Live submissions of all integrations, the newest first; nothing for people without the right.

    `is_blinded` if the viewer may still be asked to review the face: it is then shown as in review and without
    a result (gold and audits do have a result).
    """
    if not may_see_insights(viewer):
        return Submission.objects.none()
    rows = Submission.objects.filter(is_test=False).select_related("integration", "scoring")
    waiting = ReviewItem.objects.filter(NOT_YET_DECIDED, submission=OuterRef("pk"), is_blind=True)
    rows = rows.annotate(is_blinded=Exists(waiting) if may_decide(viewer) else Value(False))
    return rows.order_by("-received_at", "-pk")


def submissions_found(*, viewer: User, wanted: dict[str, Any]) -> QuerySet[Submission]:
    """`wanted`: cleaned values of `SearchForm`; empty ones do not filter. Blinded submissions are not found by
    hidden values, among them the time when they were received: a calibration item is older than its item.
    """
    rows = submissions_visible(viewer=viewer)
    if may_decide(viewer):
        seeks_waiting = (
            wanted.get("waiting") or wanted.get("reason") or wanted.get("state") == State.IN_REVIEW
        )
        is_dated = wanted.get("since") or wanted.get("until")
        rows = rows.order_by("pk") if seeks_waiting else rows
        rows = rows.filter(SEEN) if is_dated or not (seeks_waiting or wanted.get("q")) else rows
    if wanted.get("q"):
        rows = rows.filter(_said(wanted["q"].strip(), viewer))
    if wanted.get("state"):
        alike = Q(SEEN, state=wanted["state"])
        rows = rows.filter(alike | ~SEEN if wanted["state"] == State.IN_REVIEW else alike)
    if wanted.get("result"):
        rows = rows.filter(SEEN, result=wanted["result"])
    if wanted.get("since"):
        rows = rows.filter(received_at__gte=begin_of(wanted["since"]))
    if wanted.get("until"):
        rows = rows.filter(received_at__lte=end_of(wanted["until"]))
    if wanted.get("reviewer"):
        decided = Decision.objects.filter(reviewer__username=wanted["reviewer"])
        rows = rows.filter(Exists(decided.filter(submission=OuterRef("pk"))), SEEN)
    if wanted.get("check"):
        found = CheckResult.objects.filter(code=wanted["check"]).exclude(action="")
        rows = rows.filter(Exists(found.filter(submission=OuterRef("pk"))), SEEN)
    rows = points_found(rows, wanted, SEEN)
    if wanted.get("reason") or wanted.get("waiting"):
        rows = rows.filter(Exists(_items(wanted, viewer).filter(submission=OuterRef("pk"))))
    return rows


def is_hidden(*, viewer: User, submission: Submission) -> bool:
    """People who may still be asked to review a face must not see here what models and colleagues said about it."""
    return may_decide(viewer) and submission.review_items.filter(NOT_YET_DECIDED, is_blind=True).exists()


@dataclass(frozen=True, slots=True)
class History:
    events: list[Event]
    decisions: list[Decision]
    messages: list[Any]


def history(*, viewer: User, submission: Submission) -> History:
    """All events of it, oldest first; nothing if it `is_hidden`."""
    if not may_see_insights(viewer) or is_hidden(viewer=viewer, submission=submission):
        return History([], [], [])
    return History(
        events=list(_events_about(submission).order_by("at", "pk")),
        decisions=list(
            submission.decisions.select_related("reviewer", "item", "undo").order_by("decided_at")
        ),
        messages=list(submission.webhook_events.prefetch_related("deliveries").order_by("created_at")),
    )


def submission_receipt(*, viewer: User, submission: Submission) -> dict[str, Any]:
    """The sealed events of its history with their proofs, for a check without this installation (docs/audit.md).

    Raises PermissionDenied without the right to read the audit log, and while it `is_hidden` from the viewer.
    """
    require(viewer, Right.READ_AUDIT_LOG)
    if is_hidden(viewer=viewer, submission=submission):
        raise PermissionDenied(
            gettext("You may still be asked to review this face: its history is hidden until then.")
        )
    return receipt(submission_id=str(submission.pk), events=_events_about(submission))


def _events_about(submission: Submission) -> QuerySet[Event]:
    items = [str(pk) for pk in submission.review_items.values_list("pk", flat=True)]
    about = Q(target_kind="submission", target_id=str(submission.pk))
    return Event.objects.filter(about | Q(target_kind="reviewitem", target_id__in=items))


def _said(text: str, viewer: User) -> Q:
    """An exact reference, an id or its first eight characters or more (as the compare menu names a submission), an
    item's number or a SHA-256; the last is found by reading all rows.

    The number of a waiting blind item does not lead a possible reviewer to its content.
    """
    systems = list(Integration.objects.values_list("pk", flat=True))
    spellings = reference_spellings(text)
    found = Q(integration__in=systems, external_ref__in=spellings)
    found |= Q(integration__in=systems, applicant_ref__in=spellings)
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        found |= Q(sha256=text.lower())
    with contextlib.suppress(ValueError):
        found |= Q(pk=UUID(text))
    start = text.replace("-", "").lower()
    if re.fullmatch(r"[0-9a-f]{8,31}", start):
        found |= Q(pk__range=(UUID(start.ljust(32, "0")), UUID(start.ljust(32, "f"))))
    if text.isdecimal() and len(text) < 16:
        items = ReviewItem.objects.filter(pk=int(text))
        if may_decide(viewer):
            items = items.exclude(NOT_YET_DECIDED, is_blind=True)
        found |= Q(pk__in=items.values("submission_id"))
    return found


def _items(wanted: dict[str, Any], viewer: User) -> QuerySet[ReviewItem]:
    """By the displayed reason: a search must not reveal calibration items."""
    rows = ReviewItem.objects.all()
    if wanted.get("reason"):
        rows = rows.annotate(listed=listed_reason(viewer=viewer)).filter(listed=wanted["reason"])
    if not wanted.get("waiting"):
        return rows
    rows = rows.filter(state__in=WAITING_STATES)
    late, risk = sla_moments()
    if wanted["waiting"] == "late":
        rows = rows.filter(opened_at__lt=late)
    if wanted["waiting"] == "at_risk":
        rows = rows.filter(opened_at__lt=risk, opened_at__gte=late)
    return rows
