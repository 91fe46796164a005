"""Snapshots, and the decisions that could go into one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from kyc_review.accounts.models import Integration
from kyc_review.core.numbers import number
from kyc_review.core.permissions import may_see_retraining, may_see_snapshot_faces, may_train
from kyc_review.datasets import erasure_marks
from kyc_review.datasets.models import Snapshot, SnapshotItem
from kyc_review.review.decision_counts import DECISION_COUNTS
from kyc_review.review.models import ASSESSED_LABELS, Decision, ReviewItem
from kyc_review.submissions.models import State

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Decisions of one source (an integration's slug) and one reason."""

    source: str
    reason: str
    reason_label: str
    real: int
    fake: int


def snapshots_listed(*, viewer: User) -> QuerySet[Snapshot]:
    """Newest first."""
    rows = Snapshot.objects.select_related("created_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def snapshots_downloadable(*, viewer: User) -> QuerySet[Snapshot]:
    """Ready ones, for those who may take their manifest away: it is in the evidence of a promotion, too."""
    rows = Snapshot.objects.filter(state=Snapshot.State.READY)
    return rows if may_see_snapshot_faces(viewer) else rows.none()


def snapshots_trainable(*, viewer: User) -> QuerySet[Snapshot]:
    """Ready ones without an erased face, newest first, for those who may train."""
    rows = Snapshot.objects.filter(state=Snapshot.State.READY).exclude(erasure_marks.MARKED).order_by("-pk")
    return rows if may_train(viewer) else rows.none()


def label_counts(*, viewer: User) -> list[LabelCount]:
    """Decisions by source and by the reason that brought the item to a person."""
    if not may_see_retraining(viewer):
        return []
    rows = DECISION_COUNTS.totals(
        keys=("integration_id", "reason", "label"),
        which=Q(is_planted=False) & ~Q(reason=ReviewItem.Reason.GOLD),
    )
    slugs = dict(Integration.objects.values_list("pk", "slug"))
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[slugs[row["integration_id"]], row["reason"]][row["label"]] += row["number"]
    return [
        LabelCount(
            source=source,
            reason=reason,
            reason_label=str(ReviewItem.Reason(reason).label),
            real=labels[Decision.Label.REAL],
            fake=labels[Decision.Label.FAKE],
        )
        for (source, reason), labels in sorted(counts.items())
    ]


UNUSED_COUNTED = 2_000  # a count of all would read every decision there ever was


@dataclass(frozen=True, slots=True)
class Unused:
    """How many decisions no snapshot holds; `or_more`: at least as many, as no more were counted."""

    number: int
    or_more: bool

    def __str__(self) -> str:
        return number(self.number) + ("+" if self.or_more else "")


def unused_counted(*, viewer: User) -> Unused:
    """`unused_decisions`, counted up to a bound that is at least what suggests retraining."""
    return unused_counted_unchecked() if may_see_retraining(viewer) else Unused(0, or_more=False)


def unused_counted_unchecked() -> Unused:
    """`unused_counted` for the command line and tasks."""
    most = max(UNUSED_COUNTED, settings.RETRAIN_SUGGEST_DECISIONS)
    found = unused_decisions_unchecked()[: most + 1].count()
    return Unused(min(found, most), or_more=found > most)


def unused_decisions(*, viewer: User) -> QuerySet[Decision]:
    """Decisions that the next snapshot would hold and none holds so far (a failed one holds nothing)."""
    return unused_decisions_unchecked() if may_see_retraining(viewer) else Decision.objects.none()


def unused_decisions_unchecked() -> QuerySet[Decision]:
    """`unused_decisions` for the command line."""
    used = SnapshotItem.objects.filter(decision=OuterRef("pk")).exclude(snapshot__state=Snapshot.State.FAILED)
    later = (
        Decision.objects.final()
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .filter(submission=OuterRef("submission"), pk__gt=OuterRef("pk"))
    )
    waits = (
        ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
        .exclude(reason=ReviewItem.Reason.GOLD)
        .filter(submission=OuterRef("submission"))
    )
    trainable = Decision.objects.final().filter(
        label__in=ASSESSED_LABELS,
        submission__state=State.COMPLETED,
        submission__is_test=False,
        submission__is_planted=False,
        submission__erased_at=None,
    )
    return trainable.exclude(item__reason=ReviewItem.Reason.GOLD).filter(
        ~Exists(used), ~Exists(later), ~Exists(waits)
    )
