"""What waits for an admin: proposals of others, work that failed, clears that people overturned, signals that call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone

from kyc_review.audit.models import Event
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.registry.models import ModelRecord
from kyc_review.registry.selectors import champion
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from kyc_review.training.signals import retraining_signals

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

RECENT = timedelta(days=7)
OVERTURNED = "submission.overturned"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing to look at; `since` is None for a signal, which is true at present."""

    text: str
    url: str
    since: datetime | None = None


def waiting_for(*, viewer: User) -> list[Waiting]:
    """Proposals first, then what failed or was overturned in the last week, then signals; admins only."""
    if not may_promote(viewer):
        return []
    return [
        *(
            Waiting(
                f"{row.proposed_by} proposes {row.comparison.candidate.version} for production.",
                reverse("retraining:overview") + "#proposals",
                row.proposed_at,
            )
            for row in _proposals(viewer).select_related("proposed_by", "comparison__candidate")
        ),
        *(
            Waiting(
                f"Run {row.pk} failed: {row.error}", reverse("retraining:run", args=[row.pk]), row.ended_at
            )
            for row in _failed_runs()
        ),
        *(
            Waiting(
                f"The comparison of {row.candidate.version} failed: {row.error}",
                reverse("retraining:comparison", args=[row.pk]),
                row.ended_at,
            )
            for row in _failed_comparisons().select_related("candidate")
        ),
        *_overturned(),
        *_reviews_due(),
        *(
            Waiting(f"{signal.name}: {signal.detail}", reverse("retraining:overview") + "#signals-title")
            for signal in retraining_signals(viewer=viewer)
            if signal.calls
        ),
    ]


def waiting_count(*, viewer: User) -> int:
    """For the navigation, on every page: proposals of others and what failed; signals take longer to compute."""
    if not may_see_retraining(viewer) or not may_promote(viewer):
        return 0
    return _proposals(viewer).count() + _failed_runs().count() + _failed_comparisons().count()


def _proposals(viewer: User) -> QuerySet[Proposal]:
    return Proposal.objects.filter(state=Proposal.State.OPEN).exclude(proposed_by=viewer)


def _failed_runs() -> QuerySet[TrainingRun]:
    """Of the last week, unless a later one succeeded."""
    rows = TrainingRun.objects.filter(
        state=TrainingRun.State.FAILED, ended_at__gt=timezone.now() - RECENT
    ).order_by("-pk")
    done = TrainingRun.objects.filter(state=TrainingRun.State.SUCCEEDED).order_by("-pk").first()
    return rows.filter(pk__gt=done.pk) if done else rows


def _failed_comparisons() -> QuerySet[Comparison]:
    rows = Comparison.objects.filter(
        state=Comparison.State.FAILED, ended_at__gt=timezone.now() - RECENT
    ).order_by("-pk")
    done = Comparison.objects.filter(state=Comparison.State.SUCCEEDED).order_by("-pk").first()
    return rows.filter(pk__gt=done.pk) if done else rows


def _reviews_due() -> list[Waiting]:
    """The model in production, when the day of its next review has come."""
    today = timezone.localdate()
    serving = champion()
    due = (
        ModelRecord.objects.filter(bundle=serving, next_review_on__lte=today).select_related("bundle").first()
    )
    if serving is None or due is None:
        return []
    there = reverse("registry:model", args=[serving.digest])
    return [Waiting(f"The review of {serving.version} was due on {due.next_review_on:%Y-%m-%d}.", there)]


def _overturned() -> list[Waiting]:
    """Clears that an audit found to be fakes, as one line."""
    events = Event.objects.filter(action=OVERTURNED, at__gt=timezone.now() - RECENT)
    count = events.count()
    if not count:
        return []
    faces = "1 cleared selfie was" if count == 1 else f"{count} cleared selfies were"
    return [
        Waiting(
            f"{faces} found to be fake in the last week, and the outcome overturned.",
            reverse("insights:audit") + f"?action={OVERTURNED}",
            events.latest("at").at,
        )
    ]
