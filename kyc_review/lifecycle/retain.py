"""Erasure by age: submissions with an outcome older than the bank's rule (RETENTION_..._DAYS) are erased.

One pass a day goes through what is finished, oldest outcome first. It stores its position in the transaction
of each erasure: after a kill it continues there, nothing is erased twice, and several workers share one pass.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.datasets.models import SnapshotItem
from kyc_review.lifecycle.erase import files_remove, submission_erase
from kyc_review.pipeline.submission_leases import is_busy
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import RetentionPass, State, Submission
from kyc_review.training.erasure import snapshots_in_use

log = logging.getLogger(__name__)
# Of the ten seconds between two steps; the rest belongs to the other sweeps.
STEP_S = 2.0
# An installation that is always busy must follow its rule too.
GIVES_WAY_FOR = timedelta(hours=12)
# How long a training run may continue with faces that are due; then it is stopped, as by any erasure.
HELD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RetentionKind:
    """Submissions that a person decided, or that no person decided, and the days for which they are kept."""

    is_reviewed: bool
    days: int

    @property
    def reason(self) -> str:
        """For the audit log."""
        decided = "reviewed" if self.is_reviewed else "unreviewed"
        return f"Retention: {decided}, kept for {self.days} days after the outcome."


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Days from the outcome to the erasure; 0: never. Reviewed is what a person decided, even if taken back."""

    unreviewed_days: int
    reviewed_days: int

    @property
    def days(self) -> tuple[int, int]:
        return self.unreviewed_days, self.reviewed_days

    @property
    def kinds(self) -> list[RetentionKind]:
        """The kinds that have a limit."""
        return [
            kind
            for kind in (RetentionKind(False, self.unreviewed_days), RetentionKind(True, self.reviewed_days))
            if kind.days > 0
        ]


def retention_rule() -> RetentionRule:
    return RetentionRule(settings.RETENTION_UNREVIEWED_DAYS, settings.RETENTION_REVIEWED_DAYS)


def submissions_overdue(*, kind: RetentionKind, now: datetime) -> QuerySet[Submission]:
    """What is older than the rule allows, the oldest first, with its `outcome_at`; the sandbox's, too.

    What waits for its outcome is not, however old. `submissions_due` leaves out what must wait.
    """
    # One kind at a time: a condition over both would read every decision there is.
    decided = Exists(Decision.objects.filter(submission=OuterRef("pk")))
    finished = Submission.objects.filter(erased_at=None, state__in=[State.COMPLETED, State.CANCELLED])
    rows = finished.filter(decided if kind.is_reviewed else ~decided)
    rows = rows.annotate(outcome_at=Coalesce("completed_at", "cancelled_at"))
    return rows.filter(Q(outcome_at__lt=now - timedelta(days=kind.days))).order_by(F("outcome_at"), "pk")


def submissions_due(*, kind: RetentionKind, now: datetime) -> QuerySet[Submission]:
    """What a pass erases, the oldest outcome first."""
    return (
        submissions_overdue(kind=kind, now=now).exclude(awaited()).exclude(held_in_sets(kind=kind, now=now))
    )


def awaited() -> Q:
    """A review is pending, as an audit or for calibration, or a decision can still be undone."""
    items = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    return Q(Exists(items.filter(submission=OuterRef("pk"))))


def held_in_sets(*, kind: RetentionKind, now: datetime) -> Q:
    """A snapshot holds it that is being built, trained on or compared on; for HELD_FOR at most."""
    used = snapshots_in_use() if kind.is_reviewed else set()
    if not used:
        return Q(pk__in=[])
    items = SnapshotItem.objects.filter(snapshot__in=used, decision__submission=OuterRef("pk"))
    return Q(Exists(items), outcome_at__gte=now - timedelta(days=kind.days) - HELD_FOR)


@dataclass(frozen=True, slots=True)
class RetentionPreview:
    """What a pass would do now: how many it would erase, and how many must wait though they are too old."""

    due: int
    oldest: datetime | None
    reviewed: int
    gold: int
    in_snapshots: int
    snapshots: list[str]
    awaited: int
    held: int


def retention_preview(*, rule: RetentionRule) -> RetentionPreview:
    """For the command line; it reads everything that is due."""
    now = database_now()
    told = [_foretold(kind, now) for kind in rule.kinds]
    return RetentionPreview(
        due=sum(one.due for one in told),
        oldest=min(filter(None, (one.oldest for one in told)), default=None),
        reviewed=sum(one.reviewed for one in told),
        gold=sum(one.gold for one in told),
        in_snapshots=sum(one.in_snapshots for one in told),
        snapshots=[name for one in told for name in one.snapshots],
        awaited=sum(one.awaited for one in told),
        held=sum(one.held for one in told),
    )


def _foretold(kind: RetentionKind, now: datetime) -> RetentionPreview:
    frozen = Exists(SnapshotItem.objects.filter(decision__submission=OuterRef("pk")))
    rows, late = (
        submissions_due(kind=kind, now=now).order_by(),
        submissions_overdue(kind=kind, now=now).order_by(),
    )
    holding = SnapshotItem.objects.filter(decision__submission__in=rows.values("pk"))
    names = holding.values_list("snapshot__name", flat=True).distinct().order_by("snapshot__name")
    counts = rows.annotate(is_frozen=frozen).aggregate(
        due=Count("pk"),
        oldest=Min("outcome_at"),
        gold=Count("pk", filter=Q(gold__is_active=True)),
        in_snapshots=Count("pk", filter=Q(is_frozen=True)),
    )
    return RetentionPreview(
        **counts,
        reviewed=counts["due"] if kind.is_reviewed else 0,
        snapshots=list(names),
        awaited=late.filter(awaited()).count(),
        held=late.exclude(awaited()).filter(held_in_sets(kind=kind, now=now)).count(),
    )


def retention_step() -> int:
    """Go on with the day's pass for about STEP_S, unless selfies wait for their votes; how many were erased.

    Safe to call at any time, by anyone, and to kill.
    """
    if not retention_rule().kinds:
        return 0
    current = _pass_of_today()
    if current.ended_at is not None:
        return 0
    _files_of_the_last(current)
    until, before = time.monotonic() + STEP_S, current.erased
    while not _gives_way(current) and _erase_next(current.pk):
        if time.monotonic() > until:
            break
    current.refresh_from_db()
    return current.erased - before


def _pass_of_today() -> RetentionPass:
    """One that has not ended goes on the next day."""
    unfinished = RetentionPass.objects.filter(ended_at=None).first()
    return unfinished or RetentionPass.objects.get_or_create(day=timezone.localdate())[0]


def _files_of_the_last(current: RetentionPass) -> None:
    """The erasing process may have been killed before its files were deleted; the sweep of erasures would
    come later."""
    if current.reached_id is not None:
        for row in Submission.objects.filter(pk=current.reached_id, erased_at__isnull=False):
            files_remove(row)


def _gives_way(current: RetentionPass) -> bool:
    return database_now() < current.started_at + GIVES_WAY_FOR and is_busy()


@transaction.atomic
def _erase_next(pk: int) -> bool:
    """Erase one more, or end the pass; False when it has ended. Failures are retried the next day."""
    current = RetentionPass.objects.select_for_update().get(pk=pk)
    if current.ended_at is not None:
        return False
    ahead = [
        (row.outcome_at, row.pk, kind)  # type: ignore[attr-defined]
        for kind in retention_rule().kinds
        for row in _ahead_of(current, kind)[:1]
    ]
    if not ahead:
        _end(current)
        return False
    outcome_at, submission_id, kind = min(ahead, key=lambda found: found[:2])
    try:
        with transaction.atomic():
            submission_erase(submission_id=submission_id, reason=kind.reason)
        current.erased += 1
    except DatabaseError:
        log.exception("submission %s is too old and cannot be erased", submission_id)
        current.failed += 1
    current.reached_at, current.reached_id = outcome_at, submission_id
    current.save(update_fields=["erased", "failed", "reached_at", "reached_id"])
    return True


def _ahead_of(current: RetentionPass, kind: RetentionKind) -> QuerySet[Submission]:
    """What is due behind the place that the pass has reached; age is counted to when it began."""
    rows = submissions_due(kind=kind, now=current.started_at)
    if current.reached_at is None:
        return rows
    beside = Q(outcome_at=current.reached_at, pk__gt=current.reached_id)
    # The first condition says no more, but the index understands it.
    return rows.filter(
        Q(outcome_at__gte=current.reached_at) & (beside | Q(outcome_at__gt=current.reached_at))
    )


def _end(current: RetentionPass) -> None:
    rule = retention_rule()
    current.ended_at = database_now()
    current.save(update_fields=["ended_at"])
    counts = {"erased": current.erased, "failed": current.failed}
    days = {"unreviewed_days": rule.unreviewed_days, "reviewed_days": rule.reviewed_days}
    audit.record(action="retention.applied", target=current, detail=counts | days)
