"""Finding submissions, and what became of one. Every function takes the viewer."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event
from kyc_review.insights.forms import Erred
from kyc_review.insights.numbers import ALARMED, MISSED, member_votes, real_decisions, sla_moments
from kyc_review.insights.permissions import may_see_insights
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.permissions import may_decide
from kyc_review.submissions.models import Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

UNDECIDED = Q(state__in=["open", "claimed", "settling"])


def submissions_visible(*, viewer: User) -> QuerySet[Submission]:
    """Live submissions of all integrations, the newest first; nothing for people without the right."""
    if not may_see_insights(viewer):
        return Submission.objects.none()
    return (
        Submission.objects.filter(is_test=False)
        .select_related("integration", "scoring")
        .order_by("-received_at", "-pk")
    )


def submissions_found(*, viewer: User, wanted: dict[str, Any]) -> QuerySet[Submission]:
    """`wanted`: cleaned values of `SearchForm`; empty ones ask for nothing."""
    rows = submissions_visible(viewer=viewer)
    if wanted.get("q"):
        rows = rows.filter(_said(wanted["q"].strip()))
    for name in ("state", "result"):
        if wanted.get(name):
            rows = rows.filter(**{name: wanted[name]})
    if wanted.get("since"):
        rows = rows.filter(received_at__gte=_midnight(wanted["since"]))
    if wanted.get("until"):
        rows = rows.filter(received_at__lt=_midnight(wanted["until"] + timedelta(days=1)))
    if wanted.get("reviewer"):
        decided = Decision.objects.filter(reviewer__username=wanted["reviewer"])
        rows = rows.filter(Exists(decided.filter(submission=OuterRef("pk"))))
    if wanted.get("decided"):
        decided = real_decisions(since=wanted["decided"], until=wanted["decided"] + timedelta(hours=1))
        rows = rows.filter(Exists(decided.filter(submission=OuterRef("pk"))))
    if wanted.get("member"):
        rows = _at_odds(rows, viewer, wanted["member"], wanted.get("erred", ""))
    if wanted.get("reason") or wanted.get("waiting"):
        rows = rows.filter(Exists(_items(wanted).filter(submission=OuterRef("pk"))))
    return rows


def _at_odds(rows: QuerySet[Submission], viewer: User, member: str, erred: str) -> QuerySet[Submission]:
    """Where a member's vote differs from people's result. What `is_hidden` hides is not found by its votes either."""
    votes = member_votes().filter(member=member)
    if erred:
        votes = votes.filter(MISSED if erred == Erred.MISSED else ALARMED)
    rows = rows.filter(Exists(votes.filter(scoring__submission=OuterRef("pk"))))
    if may_decide(viewer):
        rows = rows.exclude(
            Exists(ReviewItem.objects.filter(UNDECIDED, submission=OuterRef("pk"), is_blind=True))
        )
    return rows


def is_hidden(*, viewer: User, submission: Submission) -> bool:
    """Whoever may still be asked about a face must not read here what models and colleagues said of it."""
    return may_decide(viewer) and submission.review_items.filter(UNDECIDED, is_blind=True).exists()


@dataclass(frozen=True, slots=True)
class History:
    events: list[Event]
    decisions: list[Decision]
    messages: list[Any]


def history(*, viewer: User, submission: Submission) -> History:
    """Everything that happened to it, the oldest first; nothing that `is_hidden`."""
    if not may_see_insights(viewer) or is_hidden(viewer=viewer, submission=submission):
        return History([], [], [])
    items = [str(pk) for pk in submission.review_items.values_list("pk", flat=True)]
    about = Q(target_kind="submission", target_id=str(submission.pk))
    about |= Q(target_kind="reviewitem", target_id__in=items)
    return History(
        events=list(Event.objects.filter(about).order_by("at", "pk")),
        decisions=list(
            submission.decisions.select_related("reviewer", "item", "withdrawal").order_by("decided_at")
        ),
        messages=list(submission.webhook_events.prefetch_related("deliveries").order_by("created_at")),
    )


def _said(text: str) -> Q:
    """An exact reference, a whole id, an item's number or a SHA-256; the last is found by reading all rows."""
    systems = list(Integration.objects.values_list("pk", flat=True))
    found = Q(integration__in=systems, external_ref=text) | Q(integration__in=systems, applicant_ref=text)
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        found |= Q(sha256=text.lower())
    with contextlib.suppress(ValueError):
        found |= Q(pk=UUID(text))
    if text.isdecimal() and len(text) < 16:
        found |= Q(pk__in=ReviewItem.objects.filter(pk=int(text)).values("submission_id"))
    return found


def _items(wanted: dict[str, Any]) -> QuerySet[ReviewItem]:
    """By the reason that reviewers are shown: a search must not tell calibration apart."""
    rows = ReviewItem.objects.all()
    if wanted.get("reason"):
        rows = rows.filter(shown_reason=wanted["reason"])
    if not wanted.get("waiting"):
        return rows
    rows = rows.filter(state__in=["open", "claimed"])
    late, risk = sla_moments()
    if wanted["waiting"] == "late":
        rows = rows.filter(opened_at__lt=late)
    if wanted["waiting"] == "at_risk":
        rows = rows.filter(opened_at__lt=risk, opened_at__gte=late)
    return rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
