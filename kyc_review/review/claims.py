"""Claims: who may take what, how long it lasts, and what it means to have lost it.

Each change of state is one UPDATE that names the state and the holder it expects, and counts the rows it changed;
so of two people (or two tabs) only one can win. Time is the database's clock, the same for every web process.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Now

from kyc_review.audit import services as audit

from .models import Decision, Gold, ReviewItem
from .permissions import may_decide, may_oversee

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ORDER = ("priority", "-urgency", "opened_at", "id")
RELEASED = {"state": ReviewItem.State.OPEN, "claimed_by": None, "claimed_at": None, "claim_expires_at": None}
# Each heartbeat of the page renews it, every 30 seconds.
KEPT_AHEAD = dt.timedelta(seconds=120)
NOT_HELD = {"held_for": None, "held_until": None}


def claim_lease() -> dt.timedelta:
    """How long a claim lasts without a sign of life from its holder's page."""
    return dt.timedelta(seconds=settings.CLAIM_LEASE_S)


class ClaimLost(Exception):
    """The caller does not hold this item (any more); nothing was changed. `detail` says why, to a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def require_decider(reviewer: User) -> None:
    if not may_decide(reviewer):
        raise PermissionDenied("Only reviewers and seniors decide; your role reads.")


def held_by(reviewer: User, item_id: int | None = None) -> QuerySet[ReviewItem]:
    """The reviewer's live claim, if it is this item."""
    held = ReviewItem.objects.filter(
        state=ReviewItem.State.CLAIMED, claimed_by=reviewer, claim_expires_at__gt=Now()
    )
    return held if item_id is None else held.filter(pk=item_id)


def items_for(reviewer: User, *, include_skipped: bool = False) -> QuerySet[ReviewItem]:
    """Waiting items that this person may take now, in no order.

    Not: what somebody else is to have, what sleeps, what waits for a senior, what they escalated themselves, faces that
    they judged before, and gold whose answer they gave.
    """
    judged = Decision.objects.standing().filter(submission=OuterRef("submission"), reviewer=reviewer)
    own_gold = Gold.objects.filter(submission=OuterRef("submission"), added_by=reviewer)
    waiting = ReviewItem.objects.filter(
        Q(held_for__isnull=True) | Q(held_for=reviewer) | Q(held_until__lte=Now()),
        Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=Now()),
        Q(escalated_by__isnull=True) | ~Q(escalated_by=reviewer),
        ~Exists(judged),
        ~Exists(own_gold),
        state=ReviewItem.State.OPEN,
    )
    if not may_oversee(reviewer):
        waiting = waiting.filter(is_escalated=False)
    return waiting if include_skipped else waiting.exclude(skips__reviewer=reviewer)


def item_claim_next(*, reviewer: User, include_skipped: bool = False) -> ReviewItem | None:
    """The item of `claim_next`, read anew."""
    pk = claim_next(reviewer=reviewer, include_skipped=include_skipped)
    return None if pk is None else ReviewItem.objects.get(pk=pk)


@transaction.atomic
def claim_next(*, reviewer: User, include_skipped: bool = False) -> int | None:
    """Give `reviewer` the item kept for them, else the most urgent one, for one lease; or the one they hold already.

    Its key; None when none waits. Raises PermissionDenied for people who may not decide.
    """
    require_decider(reviewer)
    # One claim at a time per person: their other tab waits here and then finds what this one claimed.
    _one_by_one(reviewer)
    claims_expire()
    held = held_by(reviewer).values_list("pk", flat=True).first()
    if held is not None:
        return held
    waiting = items_for(reviewer, include_skipped=include_skipped)
    kept = ReviewItem.objects.filter(state=ReviewItem.State.OPEN, held_for=reviewer).exists()
    pk = (kept and _locked(waiting.filter(held_for=reviewer))) or _locked(waiting)
    if not pk:
        return None
    ReviewItem.objects.filter(pk=pk, state=ReviewItem.State.OPEN).update(
        state=ReviewItem.State.CLAIMED,
        claimed_by=reviewer,
        claimed_at=Now(),
        claim_expires_at=Now() + claim_lease(),
        snoozed_until=None,
        **NOT_HELD,
    )
    audit.record(action="item.claimed", actor=reviewer, target=ReviewItem(pk=pk))
    return pk


@transaction.atomic
def item_keep_ahead(*, reviewer: User) -> ReviewItem | None:
    """Keep the item that `reviewer` will get next, so that their page can fetch its face while they judge another.

    It stays in the queue, offered to them alone for KEPT_AHEAD; if they never come for it, it is free again by itself.
    At most one item is kept for a person in this way. None when none waits or they hold nothing.
    """
    require_decider(reviewer)
    _one_by_one(reviewer)
    if not held_by(reviewer).exists():
        return None
    waiting = items_for(reviewer)
    kept = waiting.filter(held_for=reviewer, held_until__gt=Now()).order_by(*ORDER).first()
    pk = kept.pk if kept else _locked(waiting)
    if pk is None:
        return None
    ReviewItem.objects.filter(pk=pk, state=ReviewItem.State.OPEN).update(
        held_for=reviewer, held_until=Greatest("held_until" if kept else Now(), Now() + KEPT_AHEAD)
    )
    return ReviewItem.objects.select_related("submission").get(pk=pk)


def claim_renew(*, item_id: int, reviewer: User) -> dt.timedelta:
    """Start the lease anew and return how long it lasts. Raises ClaimLost."""
    require_decider(reviewer)
    if held_by(reviewer, item_id).update(claim_expires_at=Now() + claim_lease()) != 1:
        raise claim_lost(item_id, reviewer)
    return claim_lease()


@transaction.atomic(savepoint=False)
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
def claims_release(*, holder: User) -> int:
    """Return what this person holds, or is to have, to the queue: they left, or may not decide any more."""
    held = ReviewItem.objects.select_for_update().filter(state=ReviewItem.State.CLAIMED, claimed_by=holder)
    released = list(held.values_list("pk", flat=True))
    ReviewItem.objects.filter(pk__in=released, state=ReviewItem.State.CLAIMED).update(**RELEASED)
    ReviewItem.objects.filter(state=ReviewItem.State.OPEN, held_for=holder).update(**NOT_HELD)
    audit.record_many(
        audit.event(action="item.claim_released", target=ReviewItem(pk=pk), detail={"holder": holder.pk})
        for pk in released
    )
    return len(released)


def claim_lost(item_id: int, reviewer: User) -> ClaimLost:
    """Why this person does not hold this item."""
    item = ReviewItem.objects.filter(pk=item_id).only("state", "claimed_by_id").first()
    if item is None:
        return ClaimLost("This item does not exist.")
    if item.state in (ReviewItem.State.DECIDED, ReviewItem.State.SETTLING):
        return ClaimLost("This item has been decided already.")
    if item.state == ReviewItem.State.CLAIMED and item.claimed_by_id != reviewer.pk:
        return ClaimLost("A colleague holds this item now.")
    return ClaimLost("Your claim on this item has ended, and it went back to the queue.")


def _one_by_one(reviewer: User) -> None:
    """Until the caller's transaction ends, no other request of this person comes past here."""
    people = get_user_model().objects.select_for_update(no_key=True)
    people.values_list("pk").get(pk=reviewer.pk)


def _locked(waiting: QuerySet[ReviewItem]) -> int | None:
    rows = waiting.order_by(*ORDER).select_for_update(skip_locked=True, of=("self",))
    return rows.values_list("pk", flat=True).first()
