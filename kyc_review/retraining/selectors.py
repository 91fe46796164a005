"""Reads for the worker, the commands and the people who watch over training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from kyc_review.core.permissions import may_freeze, may_see_retraining, may_train
from kyc_review.retraining import erasures
from kyc_review.retraining.models import (
    Bundle,
    Comparison,
    Promotion,
    Proposal,
    Snapshot,
    SnapshotItem,
    TrainingRun,
)
from kyc_review.review.models import Decision, ReviewItem
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


def champion() -> Bundle | None:
    """The serving bundle; one small query, so that a worker can ask before every batch."""
    latest = serving_promotion()
    return latest.bundle if latest else None


def serving_promotion() -> Promotion | None:
    """Which bundle serves and at which operating point; one small query."""
    return Promotion.objects.select_related("bundle").order_by("-pk").first()


def promotion_before() -> Promotion | None:
    """What a rollback returns to: a promotion goes one step up, a rollback one down."""
    path: list[Promotion] = []
    for step in Promotion.objects.select_related("bundle").order_by("pk"):
        if step.kind == Promotion.Kind.PROMOTE:
            path.append(step)
        else:
            path.pop()
    return path[-2] if len(path) > 1 else None


def bundles_matching(text: str) -> list[Bundle]:
    """By version, by digest, or by the first eight or more digits of it."""
    found = list(Bundle.objects.filter(version=text))
    if not found and len(text) >= 8:
        found = list(Bundle.objects.filter(digest__startswith=text.lower()))
    return found


def bundles_listed(*, viewer: User) -> QuerySet[Bundle]:
    """Newest first."""
    rows = Bundle.objects.select_related("registered_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def promotions_listed(*, viewer: User) -> QuerySet[Promotion]:
    """Newest first: the first row's bundle serves."""
    rows = Promotion.objects.select_related("bundle", "promoted_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def snapshots_listed(*, viewer: User) -> QuerySet[Snapshot]:
    """Newest first."""
    rows = Snapshot.objects.select_related("created_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def snapshots_downloadable(*, viewer: User) -> QuerySet[Snapshot]:
    """Ready ones, for those who may take original images away."""
    rows = Snapshot.objects.filter(state=Snapshot.State.READY)
    return rows if may_freeze(viewer) else rows.none()


def snapshots_trainable(*, viewer: User) -> QuerySet[Snapshot]:
    """Ready ones without an erased face, newest first, for those who may train."""
    rows = Snapshot.objects.filter(state=Snapshot.State.READY).exclude(erasures.MARKED).order_by("-pk")
    return rows if may_train(viewer) else rows.none()


def runs_listed(*, viewer: User) -> QuerySet[TrainingRun]:
    """Newest first."""
    rows = TrainingRun.objects.select_related("snapshot", "init", "candidate", "created_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def comparisons_listed(*, viewer: User) -> QuerySet[Comparison]:
    """Newest first."""
    rows = Comparison.objects.select_related("snapshot", "champion", "candidate", "created_by").order_by(
        "-pk"
    )
    return rows if may_see_retraining(viewer) else rows.none()


def proposals_listed(*, viewer: User) -> QuerySet[Proposal]:
    """Newest first."""
    rows = Proposal.objects.select_related("comparison__candidate", "proposed_by", "decided_by").order_by(
        "-pk"
    )
    return rows if may_see_retraining(viewer) else rows.none()


def label_counts(*, viewer: User) -> list[LabelCount]:
    """Decisions by source and by the reason that brought the item to a person."""
    if not may_see_retraining(viewer):
        return []
    rows = (
        Decision.objects.final()
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .values("submission__integration__slug", "item__reason")
        .annotate(real=Count("pk", filter=Q(label="real")), fake=Count("pk", filter=Q(label="fake")))
        .order_by("submission__integration__slug", "item__reason")
    )
    return [
        LabelCount(
            source=row["submission__integration__slug"],
            reason=row["item__reason"],
            reason_label=ReviewItem.Reason(row["item__reason"]).label,
            real=row["real"],
            fake=row["fake"],
        )
        for row in rows
    ]


def unused_decisions(*, viewer: User) -> QuerySet[Decision]:
    """Decisions that the next snapshot would hold and none holds so far (a failed one holds nothing)."""
    return decisions_unused() if may_see_retraining(viewer) else Decision.objects.none()


def decisions_unused() -> QuerySet[Decision]:
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
        label__in=["real", "fake"],
        submission__state=State.COMPLETED,
        submission__is_test=False,
        submission__erased_at=None,
    )
    return trainable.exclude(item__reason=ReviewItem.Reason.GOLD).filter(
        ~Exists(used), ~Exists(later), ~Exists(waits)
    )
