"""Seniors distribute work: they take a given item, and offer items to people or return them, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext

from kyc_review.accounts.services import person_lock
from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require
from kyc_review.review import statements
from kyc_review.review.claims import NOT_RESERVED, RELEASED, claim_lease, claims_expire, held_by, items_for
from kyc_review.review.models import ReviewItem, Skip
from kyc_review.review.models.items import WAITING_STATES
from kyc_review.review.release import ReleaseRefused, claim_take_back, offer

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ITEMS_AT_ONCE_MAX = 200


@dataclass(frozen=True, slots=True)
class Distributed:
    """The items that were changed, and why the others were not: {item: reason for a person}."""

    done: tuple[int, ...]
    refused: dict[int, str]


@transaction.atomic
def item_claim(*, item_id: int, senior: User) -> None:
    """Give the senior this waiting item instead of the next one. Raises PermissionDenied, ReleaseRefused.

    Like the next one, it may not be one that they judged or whose outcome they know; nor what a colleague holds or was
    offered, which must be returned to the queue first.
    """
    require_overseer(senior)
    person_lock(person_id=senior.pk)
    claims_expire()
    held = held_by(senior.pk).values_list("pk", flat=True).first()
    if held == item_id:
        return
    if held is not None:
        raise ReleaseRefused(gettext("You hold item %(item)s. Decide or release it first.") % {"item": held})
    for is_ahead in (False, True):
        may_take = items_for(senior.pk, is_senior=True, include_skipped=True, reserved_ahead=is_ahead)
        if may_take.filter(pk=item_id).select_for_update(of=("self",), skip_locked=True).first():
            submission = statements.claim_item(item=item_id, person=senior.pk, lease=claim_lease())
            item = ReviewItem(pk=item_id, submission_id=submission)
            audit.record(action="item.claimed", actor=senior, target=item, detail={"chosen": True})
            return
    raise ReleaseRefused(
        gettext(
            "Item %(item)s is not for you now: it is decided, snoozed, with a colleague or offered to one, or you have "
            "seen what came of it or of the same picture."
        )
        % {"item": item_id}
    )


def items_assign(*, item_ids: Iterable[int], to: User, senior: User) -> Distributed:
    """Offer each item to `to` first, as a hand-over does; what colleagues hold is taken from them."""
    require_overseer(senior)
    return _each(item_ids, lambda pk: _assign(pk, to, senior))


def items_return(*, item_ids: Iterable[int], senior: User) -> Distributed:
    """Return what colleagues hold or were offered to the queue for all."""
    require_overseer(senior)
    return _each(item_ids, lambda pk: claim_take_back(item_id=pk, senior=senior))


def require_overseer(senior: User) -> None:
    require(senior, Right.OVERSEE)


def _each(item_ids: Iterable[int], act: Callable[[int], None]) -> Distributed:
    done, refused = [], {}
    for pk in sorted(set(item_ids))[:ITEMS_AT_ONCE_MAX]:
        try:
            act(pk)
            done.append(pk)
        except ReleaseRefused as rejected:
            refused[pk] = rejected.detail
    return Distributed(tuple(done), refused)


@transaction.atomic
def _assign(item_id: int, to: User, senior: User) -> None:
    waiting = ReviewItem.objects.filter(pk=item_id, state__in=WAITING_STATES)
    item = waiting.select_for_update().first()
    if item is None:
        raise ReleaseRefused(gettext("This item is decided."))
    if item.claimed_by_id == to.pk:
        raise ReleaseRefused(gettext("They hold it already."))
    waiting.update(**RELEASED | NOT_RESERVED | {"snoozed_until": None} | offer(item, to))
    Skip.objects.filter(item=item, reviewer=to).delete()
    before = item.claimed_by_id or item.reserved_for_id
    audit.record(
        action="item.assigned",
        actor=senior,
        target=item,
        detail={"to": to.pk} | ({"from": before} if before else {}),
    )
