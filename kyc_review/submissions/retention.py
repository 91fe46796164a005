"""Erasing by age: what had its outcome longer ago than the bank's rule (RETENTION_..._DAYS) goes as if asked for.

One pass a day goes through what is finished, oldest outcome first. It keeps its place in the transaction of each
erasure: whoever is killed is gone on from there, nothing is erased twice, and several workers share one pass.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from kyc_review.audit import services as audit
from kyc_review.retraining.erasures import snapshots_in_use
from kyc_review.retraining.models import SnapshotItem
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.leases import is_busy
from kyc_review.submissions.erasing import files_remove, submission_erase
from kyc_review.submissions.models import RetentionPass, State, Submission

log = logging.getLogger(__name__)
# Of the ten seconds between two steps; the rest belongs to the other sweeps.
STEP_S = 2.0
# A house that is busy day and night obeys its rule all the same.
GIVES_WAY_FOR = timedelta(hours=12)
# So long a training run may go on with what is due; then it is stopped, as by any erasure.
HELD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Rule:
    """Days from the outcome to the erasure; 0: never. Reviewed is what a person decided, even if taken back."""

    unreviewed_days: int
    reviewed_days: int

    @property
    def erases(self) -> bool:
        return max(self.days) > 0

    @property
    def days(self) -> tuple[int, int]:
        return self.unreviewed_days, self.reviewed_days

    def reason(self, *, is_reviewed: bool) -> str:
        """For the audit log."""
        days, decided = (
            (self.reviewed_days, "reviewed") if is_reviewed else (self.unreviewed_days, "unreviewed")
        )
        return f"Retention: {decided}, kept for {days} days after the outcome."


def rule_set() -> Rule:
    return Rule(settings.RETENTION_UNREVIEWED_DAYS, settings.RETENTION_REVIEWED_DAYS)


def overdue(*, rule: Rule, now: datetime) -> QuerySet[Submission]:
    """What is older than the rule allows, with `outcome_at` and `is_reviewed`; the sandbox's, too.

    What waits for its outcome is not, however old. `due` leaves out what must wait.
    """
    limits = {
        is_reviewed: now - timedelta(days=days)
        for is_reviewed, days in ((False, rule.unreviewed_days), (True, rule.reviewed_days))
        if days > 0
    }
    if not limits:
        return Submission.objects.none()
    # The later limit says no more, but the index understands it.
    old = Q(outcome_at__lt=max(limits.values()))
    old &= reduce(or_, (Q(is_reviewed=kind, outcome_at__lt=limit) for kind, limit in limits.items()))
    finished = Submission.objects.filter(erased_at=None, state__in=[State.COMPLETED, State.CANCELLED])
    known = finished.annotate(
        outcome_at=Coalesce("completed_at", "cancelled_at"),
        is_reviewed=Exists(Decision.objects.filter(submission=OuterRef("pk"))),
    )
    return known.filter(old)


def due(*, rule: Rule, now: datetime) -> QuerySet[Submission]:
    """What a pass erases, the oldest outcome first."""
    rows = overdue(rule=rule, now=now).exclude(awaited()).exclude(held_in_sets(rule=rule, now=now))
    return rows.order_by(F("outcome_at"), "pk")


def awaited() -> Q:
    """A person is still to look at it, as an audit or for calibration, or decided it seconds ago."""
    items = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    return Q(Exists(items.filter(submission=OuterRef("pk"))))


def held_in_sets(*, rule: Rule, now: datetime) -> Q:
    """A snapshot holds it that is being built, trained on or compared on; for HELD_FOR at most."""
    used = snapshots_in_use()
    if not used:
        return Q(pk__in=[])
    items = SnapshotItem.objects.filter(snapshot__in=used, decision__submission=OuterRef("pk"))
    return Q(Exists(items), outcome_at__gte=now - timedelta(days=rule.reviewed_days) - HELD_FOR)


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a pass would do now: how many it would erase, and how many must wait though they are too old."""

    due: int
    oldest: datetime | None
    reviewed: int
    gold: int
    in_snapshots: int
    snapshots: list[str]
    awaited: int
    held: int


def foretold(*, rule: Rule) -> Foretold:
    """For the command line; it reads everything that is due."""
    now = timezone.now()
    frozen = Exists(SnapshotItem.objects.filter(decision__submission=OuterRef("pk")))
    rows, late = due(rule=rule, now=now).order_by().annotate(is_frozen=frozen), overdue(rule=rule, now=now)
    holding = SnapshotItem.objects.filter(decision__submission__in=rows.values("pk"))
    return Foretold(
        **rows.aggregate(
            due=Count("pk"),
            oldest=Min("outcome_at"),
            reviewed=Count("pk", filter=Q(is_reviewed=True)),
            gold=Count("pk", filter=Q(gold__is_active=True)),
            in_snapshots=Count("pk", filter=Q(is_frozen=True)),
        ),
        snapshots=list(
            holding.values_list("snapshot__name", flat=True).distinct().order_by("snapshot__name")
        ),
        awaited=late.filter(awaited()).count(),
        held=late.exclude(awaited()).filter(held_in_sets(rule=rule, now=now)).count(),
    )


def retention_step() -> int:
    """Go on with the day's pass for about STEP_S, unless selfies wait for their votes; how many were erased.

    Safe to call at any time, by anyone, and to kill.
    """
    if not rule_set().erases:
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
    """Whoever erased it may have been killed before its files were deleted; the sweep of erasures would come later."""
    if current.reached_id is not None:
        for row in Submission.objects.filter(pk=current.reached_id, erased_at__isnull=False):
            files_remove(row)


def _gives_way(current: RetentionPass) -> bool:
    return timezone.now() < current.started_at + GIVES_WAY_FOR and is_busy()


@transaction.atomic
def _erase_next(pk: int) -> bool:
    """Erase one more, or end the pass; False when it has ended. What cannot be erased is passed over until tomorrow."""
    current = RetentionPass.objects.select_for_update().get(pk=pk)
    if current.ended_at is not None:
        return False
    rule = rule_set()
    row = _ahead_of(current, rule).first()
    if row is None:
        _end(current, rule)
        return False
    outcome_at, is_reviewed = row.outcome_at, row.is_reviewed  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            submission_erase(submission_id=row.pk, reason=rule.reason(is_reviewed=is_reviewed))
        current.erased += 1
    except DatabaseError:
        log.exception("submission %s is too old and cannot be erased", row.pk)
        current.failed += 1
    current.reached_at, current.reached_id = outcome_at, row.pk
    current.save(update_fields=["erased", "failed", "reached_at", "reached_id"])
    return True


def _ahead_of(current: RetentionPass, rule: Rule) -> QuerySet[Submission]:
    """What is due behind the place that the pass has reached; age is counted to when it began."""
    rows = due(rule=rule, now=current.started_at)
    if current.reached_at is None:
        return rows
    beside = Q(outcome_at=current.reached_at, pk__gt=current.reached_id)
    # The first condition says no more, but the index understands it, too.
    return rows.filter(
        Q(outcome_at__gte=current.reached_at) & (beside | Q(outcome_at__gt=current.reached_at))
    )


def _end(current: RetentionPass, rule: Rule) -> None:
    current.ended_at = timezone.now()
    current.save(update_fields=["ended_at"])
    counts = {"erased": current.erased, "failed": current.failed}
    days = {"unreviewed_days": rule.unreviewed_days, "reviewed_days": rule.reviewed_days}
    audit.record(action="retention.applied", target=current, detail=counts | days)
