"""What a snapshot holds, and how two of them differ. Every function takes the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from kyc_review.core.permissions import may_see_retraining, may_see_snapshot_faces
from kyc_review.datasets.models import Snapshot, SnapshotItem
from kyc_review.review.models import ASSESSED_LABELS, Decision, ReviewItem
from kyc_review.submissions.models import State, Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

LISTED = 50


@dataclass(frozen=True, slots=True)
class Share:
    """Items of one source that reached people for one reason; `weight` is the mean of one over their chances."""

    source: str
    reason: str
    reason_label: str
    real: int
    fake: int
    weight: float

    @property
    def total(self) -> int:
        return self.real + self.fake


@dataclass(frozen=True, slots=True)
class Difference:
    """This snapshot against another one; the lists hold the first LISTED."""

    other: Snapshot
    added: int
    removed: int
    relabelled: int
    added_items: list[SnapshotItem]
    removed_items: list[SnapshotItem]
    relabelled_items: list[SnapshotItem]


class LeftOut(models.TextChoices):
    """Why a final decision is not in a snapshot; of several reasons the first counts."""

    GOLD = "gold", _("calibration items, whose truth was known")
    PLANTED = "planted", _("planted forgeries")
    TEST = "test", _("submissions of the sandbox")
    ERASED = "erased", _("submissions that were erased")
    UNCLEAR = "unclear", _("found not assessable")
    REPLACED = "replaced", _("replaced by a later decision on the same submission")
    WAITS = "waits", _("held back, because the submission waits for another look")
    OPEN = "open", _("submissions without an outcome yet")
    OTHER = "other", _("not chosen for this snapshot")


def decisions_left_out(*, viewer: User, snapshot: Snapshot) -> list[tuple[LeftOut, int]]:
    """How many final decisions from before the snapshot are not in it, by reason, as they are now."""
    if not may_see_retraining(viewer):
        return []
    later = (
        Decision.objects.final()
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .filter(submission=OuterRef("submission"), pk__gt=OuterRef("pk"))
    )
    undecided = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    waits = undecided.exclude(reason=ReviewItem.Reason.GOLD).filter(submission=OuterRef("submission"))
    conditions = {
        LeftOut.GOLD: Q(item__reason=ReviewItem.Reason.GOLD),
        LeftOut.PLANTED: Q(submission__is_planted=True),
        LeftOut.TEST: Q(submission__is_test=True),
        LeftOut.ERASED: Q(submission__erased_at__isnull=False),
        LeftOut.UNCLEAR: ~Q(label__in=ASSESSED_LABELS),
        LeftOut.REPLACED: Exists(later),
        LeftOut.WAITS: Exists(waits),
        LeftOut.OPEN: ~Q(submission__state=State.COMPLETED),
    }
    why = Case(
        *(When(condition, then=Value(reason.value)) for reason, condition in conditions.items()),
        default=Value(LeftOut.OTHER.value),
    )
    rows = Decision.objects.final().filter(decided_at__lte=snapshot.created_at)
    rows = rows.exclude(Exists(snapshot.items.filter(decision=OuterRef("pk"))))
    found = dict(
        rows.annotate(why=why).values("why").annotate(number=Count("pk")).values_list("why", "number")
    )
    return [(reason, found[reason.value]) for reason in LeftOut if reason.value in found]


def label_shares(*, viewer: User, snapshot: Snapshot) -> list[Share]:
    """The balance of labels by source and by the reason that brought the item to people."""
    if not may_see_retraining(viewer):
        return []
    rows = (
        snapshot.items.values(
            source=F("decision__submission__integration__slug"), reason=F("decision__item__reason")
        )
        .annotate(
            real=Count("pk", filter=Q(decision__label=Decision.Label.REAL)),
            fake=Count("pk", filter=Q(decision__label=Decision.Label.FAKE)),
            weight=Avg(_weight(), output_field=FloatField()),
        )
        .order_by("source", "reason")
    )
    return [Share(reason_label=str(ReviewItem.Reason(row["reason"]).label), **row) for row in rows]


def weighted_fake_share(*, viewer: User, snapshot: Snapshot) -> float | None:
    """The share of fakes when every item weighs one over its chance of reaching people; None without items."""
    if not may_see_retraining(viewer):
        return None
    found = snapshot.items.aggregate(
        fake=Sum(_weight(), filter=Q(decision__label=Decision.Label.FAKE), output_field=FloatField()),
        whole=Sum(_weight(), output_field=FloatField()),
    )
    return (found["fake"] or 0.0) / found["whole"] if found["whole"] else None


def snapshot_difference(*, viewer: User, snapshot: Snapshot, other: Snapshot) -> Difference | None:
    """What came, went or got another label, by submission, from `other` to `snapshot`."""
    if not may_see_retraining(viewer):
        return None
    added, removed = _without(snapshot, other), _without(other, snapshot)
    relabelled = _rows(snapshot).filter(
        Exists(_twins(other).exclude(decision__label=OuterRef("decision__label")))
    )
    return Difference(
        other=other,
        added=added.count(),
        removed=removed.count(),
        relabelled=relabelled.count(),
        added_items=list(added[:LISTED]),
        removed_items=list(removed[:LISTED]),
        relabelled_items=list(relabelled[:LISTED]),
    )


def snapshot_faces(*, viewer: User, snapshot: Snapshot) -> QuerySet[SnapshotItem]:
    """The items in the order of their decisions, for those who may see faces."""
    return _rows(snapshot) if may_see_snapshot_faces(viewer) else SnapshotItem.objects.none()


def snapshot_face(*, viewer: User, snapshot: Snapshot, submission_id: UUID) -> Submission | None:
    """One submission that this snapshot holds."""
    held = snapshot_faces(viewer=viewer, snapshot=snapshot).filter(decision__submission__erased_at=None)
    item = held.filter(decision__submission=submission_id).first()
    return item.decision.submission if item else None


def _weight() -> Coalesce:
    return Coalesce(1.0 / F("decision__submission__audit_draw__probability"), 1.0, output_field=FloatField())


def _rows(snapshot: Snapshot) -> QuerySet[SnapshotItem]:
    rows = snapshot.items.select_related("decision__submission__integration", "decision__item")
    return rows.order_by("decision")


def _twins(snapshot: Snapshot) -> QuerySet[SnapshotItem]:
    return snapshot.items.filter(decision__submission=OuterRef("decision__submission"))


def _without(snapshot: Snapshot, other: Snapshot) -> QuerySet[SnapshotItem]:
    return _rows(snapshot).filter(~Exists(_twins(other)))
