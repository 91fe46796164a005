"""The only writers of review rows.

Each change of state is one UPDATE that names the state and the holder it expects, and counts the rows it changed;
so of two people (or two tabs) only one can win. Time is the database's clock, the same for every web process.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from kyc_review.audit import services as audit
from kyc_review.evidence import services as evidence
from kyc_review.submissions import services as submissions

from .models import Decision, ReviewItem, Skip
from .permissions import may_decide

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RESULT_OF_LABEL = {Decision.Label.REAL: "clear", Decision.Label.FAKE: "rejected"}
RELEASED = {"state": ReviewItem.State.OPEN, "claimed_by": None, "claimed_at": None, "claim_expires_at": None}


def claim_lease() -> dt.timedelta:
    """How long a claim lasts without a sign of life from its holder's page."""
    return dt.timedelta(seconds=settings.CLAIM_LEASE_S)


class ClaimLost(Exception):
    """The caller does not hold this item (any more); nothing was changed. `detail` says why, to a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def items_open(rows: Iterable[tuple[UUID, str, float]]) -> None:
    """Queue `(submission_id, reason, risk)` rows in the caller's transaction.

    A submission that already waits stays as it is, so that a repeated message opens nothing twice.
    """
    items = [ReviewItem(submission_id=sid, reason=reason, risk=risk) for sid, reason, risk in rows]
    ReviewItem.objects.bulk_create(items, ignore_conflicts=True)
    evidence.evidence_request(item.submission_id for item in items)


@transaction.atomic
def item_claim_next(*, reviewer: User, include_skipped: bool = False) -> ReviewItem | None:
    """Give `reviewer` the most urgent waiting item for one lease, or the one they hold already; None when none waits.

    Raises PermissionDenied for people who may not decide.
    """
    _require_decider(reviewer)
    # One claim at a time per person: their other tab waits here and then finds what this one claimed.
    get_user_model().objects.select_for_update(no_key=True).get(pk=reviewer.pk)
    claims_expire()
    held = _held_by(reviewer).first()
    if held is not None:
        return held
    waiting = ReviewItem.objects.filter(state=ReviewItem.State.OPEN)
    if not include_skipped:
        waiting = waiting.exclude(skips__reviewer=reviewer)
    item = (
        waiting.order_by("priority", "-risk", "opened_at", "id")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if item is None:
        return None
    ReviewItem.objects.filter(pk=item.pk, state=ReviewItem.State.OPEN).update(
        state=ReviewItem.State.CLAIMED,
        claimed_by=reviewer,
        claimed_at=Now(),
        claim_expires_at=Now() + claim_lease(),
    )
    audit.record(action="item.claimed", actor=reviewer, target=item)
    item.refresh_from_db()
    return item


def claim_renew(*, item_id: int, reviewer: User) -> dt.timedelta:
    """Start the lease anew and return how long it lasts. Raises ClaimLost."""
    _require_decider(reviewer)
    if _held_by(reviewer, item_id).update(claim_expires_at=Now() + claim_lease()) != 1:
        raise _claim_lost(item_id, reviewer)
    return claim_lease()


@transaction.atomic
def claim_release(*, item_id: int, reviewer: User) -> None:
    """Skip: the item goes back for others and is not offered to this reviewer again. Raises ClaimLost."""
    _require_decider(reviewer)
    if _held_by(reviewer, item_id).update(**RELEASED) != 1:
        raise _claim_lost(item_id, reviewer)
    Skip.objects.get_or_create(item_id=item_id, reviewer=reviewer)
    audit.record(action="item.skipped", actor=reviewer, target=ReviewItem(pk=item_id))


@transaction.atomic
def claims_expire() -> int:
    """Return every claim whose time is over to the queue; how many there were. Safe to call at any time, by anyone."""
    over = (
        ReviewItem.objects.filter(state=ReviewItem.State.CLAIMED, claim_expires_at__lte=Now())
        .select_for_update(skip_locked=True, of=("self",))
        .values_list("pk", "claimed_by_id")
    )
    holders = dict(over)
    if not holders:
        return 0
    ReviewItem.objects.filter(pk__in=holders, state=ReviewItem.State.CLAIMED).update(**RELEASED)
    audit.record_many(
        audit.event(action="item.claim_expired", target=ReviewItem(pk=pk), detail={"holder": holder})
        for pk, holder in holders.items()
    )
    return len(holders)


@transaction.atomic
def decision_record(*, item_id: int, reviewer: User, label: str, note: str = "") -> Decision:
    """Store the holder's decision and complete the submission, all or nothing.

    Raises ClaimLost when the claim expired or is somebody else's, ValueError for an unknown label.
    """
    _require_decider(reviewer)
    result = RESULT_OF_LABEL[Decision.Label(label)]
    mine = _held_by(reviewer, item_id)
    row = mine.values_list("submission_id", "claimed_at", Now()).first()
    decided = mine.update(**RELEASED | {"state": ReviewItem.State.DECIDED, "decided_at": Now()})
    if row is None or decided != 1:
        raise _claim_lost(item_id, reviewer)
    submission_id, claimed_at, now = row
    decision = Decision.objects.create(
        item_id=item_id,
        submission_id=submission_id,
        reviewer=reviewer,
        label=label,
        note=note,
        handling_ms=int((now - claimed_at).total_seconds() * 1000),
    )
    submissions.submission_complete(submission_id=submission_id, result=result)
    audit.record(
        action="item.decided", actor=reviewer, target=decision.item, detail={"label": label, "result": result}
    )
    return decision


def look_record(*, item: ReviewItem, viewer: User) -> None:
    """Leave a trace when somebody sees a face that they do not hold; the holder's claim is trace enough."""
    if item.claimed_by_id != viewer.pk:
        audit.record(action="item.looked_at", actor=viewer, target=item)


def _held_by(reviewer: User, item_id: int | None = None) -> QuerySet[ReviewItem]:
    held = ReviewItem.objects.filter(
        state=ReviewItem.State.CLAIMED, claimed_by=reviewer, claim_expires_at__gt=Now()
    )
    return held if item_id is None else held.filter(pk=item_id)


def _require_decider(reviewer: User) -> None:
    if not may_decide(reviewer):
        raise PermissionDenied("Only reviewers and seniors decide; your role reads.")


def _claim_lost(item_id: int, reviewer: User) -> ClaimLost:
    item = ReviewItem.objects.filter(pk=item_id).only("state", "claimed_by_id").first()
    if item is None:
        return ClaimLost("This item does not exist.")
    if item.state == ReviewItem.State.DECIDED:
        return ClaimLost("This item has been decided already.")
    if item.state == ReviewItem.State.CLAIMED and item.claimed_by_id != reviewer.pk:
        return ClaimLost("A colleague holds this item now.")
    return ClaimLost("Your claim on this item has ended, and it went back to the queue.")
