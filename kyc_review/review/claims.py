"""Claims: who may take which item, for how long, and what happens when a claim is lost.

A claim locks the most urgent open item, passing over those that others have locked (`statements.py` picks it). Each
later change of state is one UPDATE that names the state and the holder it expects, and counts the rows it changed; so
of two people (or two tabs) only one can win. Time is the database's clock, the same for every web process.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext, gettext_lazy

from kyc_review.accounts.services import person_lock
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import Right, may_oversee, require

from . import statements
from .blinding import picture_outcome_known
from .models import Decision, Gold, OutcomeExposure, ReviewItem
from .models.reasons import QUEUE_ORDER

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RELEASED = {"state": ReviewItem.State.OPEN, "claimed_by": None, "claimed_at": None, "claim_expires_at": None}
# Each heartbeat of the page renews it, every 30 seconds.
RESERVED_AHEAD = dt.timedelta(seconds=120)
NOT_RESERVED = {"reserved_for": None, "reserved_until": None, "is_reserved_ahead": False}

ERASED = gettext_lazy(
    "The applicant's picture was erased meanwhile, as required by law; there is nothing left to decide."
)


def claim_lease() -> dt.timedelta:
    """How long a claim lasts without a sign of life from its holder's page."""
    return dt.timedelta(seconds=settings.CLAIM_LEASE_S)


class ClaimLost(DomainError):
    """The caller does not hold this item (any more); nothing was changed. `detail` says why, to a person."""


def require_decider(reviewer: User) -> None:
    """Raises PermissionDenied for people who do not decide on items."""
    require(reviewer, Right.DECIDE)


def held_by(person: int, item_id: int | None = None) -> QuerySet[ReviewItem]:
    """The live claim of the person with this key, if it is this item."""
    held = ReviewItem.objects.filter(
        state=ReviewItem.State.CLAIMED, claimed_by=person, claim_expires_at__gt=Now()
    )
    return held if item_id is None else held.filter(pk=item_id)


def items_for(
    reviewer: int, *, is_senior: bool, include_skipped: bool = False, reserved_ahead: bool = False
) -> QuerySet[ReviewItem]:
    """Waiting items that the person with this key may take now, unordered.

    Left out are: items reserved for another person, snoozed or escalated (seniors get those, except what they escalated
    themselves), faces that the person has judged or whose outcome they have read, gold whose answer they gave, and
    blind items of a picture whose outcome they know from a twin or a list, as long as another person is left who does
    not know it. reserved_ahead: only items that colleagues' pages have fetched ahead.
    """
    if reserved_ahead:
        offered = Q(reserved_for__isnull=False, reserved_until__gt=Now(), is_reserved_ahead=True) & ~Q(
            reserved_for=reviewer
        )
    else:
        offered = Q(reserved_for__isnull=True) | Q(reserved_for=reviewer) | Q(reserved_until__lte=Now())
    judged = Decision.objects.standing().filter(submission=OuterRef("submission"), reviewer=reviewer)
    read = OutcomeExposure.objects.filter(
        submission=OuterRef("submission"), person=reviewer, in_passing=False
    )
    own_gold = Gold.objects.filter(submission=OuterRef("submission"), added_by=reviewer)
    waiting = ReviewItem.objects.filter(
        offered,
        Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=Now()),
        Q(escalated_by__isnull=True) | ~Q(escalated_by=reviewer),
        ~Exists(judged),
        ~Exists(read),
        ~Exists(own_gold),
        Q(is_blind=False)
        | Q(outcome_may_be_known=True)
        | ~picture_outcome_known(submission=OuterRef("submission"), person=reviewer),
        state=ReviewItem.State.OPEN,
    )
    if not is_senior:
        waiting = waiting.filter(is_escalated=False)
    return waiting if include_skipped else waiting.exclude(skips__reviewer=reviewer)


@transaction.atomic
def claim_next(*, reviewer: User, include_skipped: bool = False) -> int | None:
    """Give `reviewer` the item reserved for them, else the first of the queue, for one lease; or the one they hold.

    Where nothing else waits, they get what a colleague's page has only fetched ahead; that page then shows another
    item. Returns its key; None when none waits. Raises PermissionDenied for people who may not decide.
    """
    require_decider(reviewer)
    # One claim at a time per person: their other tab waits here and then finds what this one claimed.
    _one_by_one(reviewer)
    claims_expire()
    tied = statements.tied_items(person=reviewer.pk)
    held = [pk for pk, state in tied if state == ReviewItem.State.CLAIMED]
    if held:
        held_by(reviewer.pk, held[0]).update(claim_expires_at=Now() + claim_lease())
        return held[0]
    find = partial(
        statements.lock_most_urgent,
        person=reviewer.pk,
        is_senior=may_oversee(reviewer),
        include_skipped=include_skipped,
    )
    found = (find(only_reserved=True) if tied else None) or find() or find(reserved_ahead=True)
    if found is None:
        return None
    submission = statements.claim_item(item=found, person=reviewer.pk, lease=claim_lease())
    audit.record(action="item.claimed", actor=reviewer, target=ReviewItem(pk=found, submission_id=submission))
    return found


@transaction.atomic
def item_reserve_next(*, reviewer: User) -> ReviewItem | None:
    """Reserve the item that `reviewer` will get next, so that their page can fetch its face while they judge another.

    It stays in the queue, offered to them first for RESERVED_AHEAD and then to everybody again; before that, others get
    it only where nothing else waits for them. At most one item is reserved for a person in this way. None when none
    waits or they hold nothing.
    """
    require_decider(reviewer)
    _one_by_one(reviewer)
    if not held_by(reviewer.pk).exists():
        return None
    waiting = items_for(reviewer.pk, is_senior=may_oversee(reviewer))
    reserved = waiting.filter(reserved_for=reviewer, reserved_until__gt=Now()).order_by(*QUEUE_ORDER).first()
    pk = (
        reserved.pk
        if reserved
        else statements.lock_most_urgent(
            person=reviewer.pk, is_senior=may_oversee(reviewer), include_skipped=False
        )
    )
    if pk is None:
        return None
    ReviewItem.objects.filter(pk=pk, state=ReviewItem.State.OPEN).update(
        reserved_for=reviewer,
        reserved_until=Greatest("reserved_until" if reserved else Now(), Now() + RESERVED_AHEAD),
        is_reserved_ahead=reserved is None or reserved.is_reserved_ahead,
    )
    return ReviewItem.objects.select_related("submission__evidence").get(pk=pk)


def claim_again(*, item: ReviewItem, reviewer: User, **changes: Any) -> None:
    """Give a locked item back to the person who undoes what they did to it, with these changes of its row.

    An item that they have claimed meanwhile becomes reserved for them.
    """
    until = Now() + claim_lease()
    ReviewItem.objects.filter(state=ReviewItem.State.CLAIMED, claimed_by=reviewer).update(
        **RELEASED | {"reserved_for": reviewer, "reserved_until": until}
    )
    ReviewItem.objects.filter(pk=item.pk, state=item.state).update(
        state=ReviewItem.State.CLAIMED,
        claimed_by=reviewer,
        claimed_at=Now(),
        claim_expires_at=until,
        **NOT_RESERVED | changes,
    )


def claim_renew(*, item_id: int, reviewer: User) -> dt.timedelta:
    """Renew the lease and return how long it lasts. Raises ClaimLost."""
    require_decider(reviewer)
    if held_by(reviewer.pk, item_id).update(claim_expires_at=Now() + claim_lease()) != 1:
        raise claim_lost(item_id, reviewer)
    return claim_lease()


def claim_renew_if_held(*, item_id: int, reviewer: User) -> None:
    """Renew the lease of an item that may be looked at without a claim on it."""
    held_by(reviewer.pk, item_id).update(claim_expires_at=Now() + claim_lease())


@transaction.atomic(savepoint=False)
def claims_expire() -> int:
    """Return every claim whose time is over to the queue; how many there were. Safe to call at any time, by anyone."""
    expired = statements.lock_expired_claims()
    if not expired:
        return 0
    keys = [pk for pk, *_ in expired]
    ReviewItem.objects.filter(pk__in=keys, state=ReviewItem.State.CLAIMED).update(**RELEASED)
    audit.record_many(
        audit.event(
            action="item.claim_expired",
            target=ReviewItem(pk=pk, submission_id=submission),
            detail={"holder": holder},
        )
        for pk, holder, submission in expired
    )
    return len(expired)


@transaction.atomic
def claims_release(holder: User) -> int:
    """Return what this person holds, or is to have, to the queue: they left, or may not decide any more."""
    held = ReviewItem.objects.select_for_update().filter(state=ReviewItem.State.CLAIMED, claimed_by=holder)
    released = list(held)
    keys = [item.pk for item in released]
    ReviewItem.objects.filter(pk__in=keys, state=ReviewItem.State.CLAIMED).update(**RELEASED)
    ReviewItem.objects.filter(state=ReviewItem.State.OPEN, reserved_for=holder).update(**NOT_RESERVED)
    audit.record_many(
        audit.event(action="item.claim_released", target=item, detail={"holder": holder.pk})
        for item in released
    )
    return len(released)


def claim_lost(item_id: int, reviewer: User) -> ClaimLost:
    """Why this person does not hold this item."""
    rows = ReviewItem.objects.filter(pk=item_id).select_related("submission")
    item = rows.only("state", "claimed_by_id", "submission__erased_at").first()
    if item is None:
        return ClaimLost(gettext("This item does not exist."))
    if item.submission.erased_at:
        return ClaimLost(ERASED)
    if item.state in (ReviewItem.State.DECIDED, ReviewItem.State.SETTLING):
        return ClaimLost(gettext("This item has been decided already."))
    if item.state == ReviewItem.State.CLAIMED and item.claimed_by_id != reviewer.pk:
        return ClaimLost(gettext("A colleague holds this item now."))
    return ClaimLost(gettext("Your claim on this item has ended, and it went back to the queue."))


def _one_by_one(reviewer: User) -> None:
    """Serialises requests of this person until the caller's transaction ends."""
    if not person_lock(person_id=reviewer.pk):
        raise PermissionDenied(gettext("This account does not exist any more."))
