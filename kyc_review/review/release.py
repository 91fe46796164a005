"""Ways to release a claimed item without deciding it. Each raises ClaimLost when the caller does not hold it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_lazy

from kyc_review.accounts.models import User
from kyc_review.accounts.services import person_lock
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import ROLES_WITH, Right, may_decide, may_oversee, require
from kyc_review.review.claims import NOT_RESERVED, RELEASED, claim_again, claim_lost, held_by, require_decider
from kyc_review.review.decisions import TooLate
from kyc_review.review.models import PutAside, ReviewItem, Skip

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTS = {
    "item.skipped": PutAside.Act.SKIPPED,
    "item.snoozed": PutAside.Act.SNOOZED,
    "item.escalated": PutAside.Act.ESCALATED,
    "item.handed_over": PutAside.Act.HANDED_OVER,
}
SNOOZES = {15: gettext_lazy("15 minutes"), 60: gettext_lazy("1 hour"), 240: gettext_lazy("4 hours")}


class TooLateToTakeBack(TooLate):
    """What was put aside can no longer be taken back."""

    text = gettext_lazy("It is too late to undo this: its time is over, or a colleague sees the item now.")


class ReleaseRefused(DomainError):
    """The item cannot be released this way; nothing was changed. `detail` says why, to a person."""


@transaction.atomic
def claim_release(*, item_id: int, reviewer: User, reason: str = Skip.Reason.UNSURE) -> None:
    """Skip: the item goes back for others and is not offered to this reviewer again."""
    _release(item_id, reviewer, "item.skipped", {"reason": Skip.Reason(reason).value})
    Skip.objects.get_or_create(item_id=item_id, reviewer=reviewer, defaults={"reason": reason})


@transaction.atomic
def item_snooze(*, item_id: int, reviewer: User, minutes: int) -> None:
    """The item is not assigned until then; afterwards it is available to everyone."""
    if minutes not in SNOOZES:
        raise ReleaseRefused(gettext("Choose one of the listed times."))
    until = Now() + dt.timedelta(minutes=minutes)
    _release(item_id, reviewer, "item.snoozed", {"minutes": minutes}, snoozed_until=until)


@transaction.atomic
def item_escalate(*, item_id: int, reviewer: User, message: str = "") -> None:
    """The item goes to the head of the queue, for seniors other than the one who escalated it.

    The message stays on the item alone: the log outlives an erasure, and words may name the applicant.
    """
    seniors = User.objects.filter(groups__name__in=ROLES_WITH[Right.OVERSEE], is_active=True).exclude(
        pk=reviewer.pk
    )
    if not seniors.exists():
        raise ReleaseRefused(gettext("There is no other senior reviewer to ask."))
    _release(
        item_id,
        reviewer,
        "item.escalated",
        {},
        is_escalated=True,
        escalated_by=reviewer,
        message=message,
    )


@transaction.atomic
def item_hand_over(*, item_id: int, reviewer: User, to: User, message: str = "") -> None:
    """The item is offered to `to` alone for HANDOVER_S, then to everybody. Raises ReleaseRefused."""
    item = held_by(reviewer.pk, item_id).first()
    if item is None:  # before anything is said of the item
        raise claim_lost(item_id, reviewer)
    if to.pk == reviewer.pk:
        raise ReleaseRefused(gettext("You already hold it."))
    _release(item_id, reviewer, "item.handed_over", {"to": to.pk}, message=message, **offer(item, to))
    Skip.objects.filter(item_id=item_id, reviewer=to).delete()


def offer(item: ReviewItem, to: User) -> dict[str, Any]:
    """The fields of an item that is offered to `to` first, for HANDOVER_S. Raises ReleaseRefused.

    Also to people who know its outcome and cannot take it: a refusal, or an item that others may take at once, would
    tell that the face was judged before, so that it is a second review or a calibration item. A senior can return it.
    """
    if not may_decide(to):
        raise ReleaseRefused(gettext("That person is not a reviewer."))
    if item.is_escalated and not may_oversee(to):
        raise ReleaseRefused(gettext("This item was escalated; only a senior can take it."))
    if item.escalated_by_id == to.pk:
        raise ReleaseRefused(gettext("They escalated this item themselves."))
    until = Now() + dt.timedelta(seconds=settings.HANDOVER_S)
    return {"reserved_for": to, "reserved_until": until, "is_reserved_ahead": False}


@transaction.atomic
def claim_take_back(*, item_id: int, senior: User) -> None:
    """A senior returns a colleague's claim, or an item reserved for somebody, to the queue for all."""
    require(senior, Right.OVERSEE)
    claimed = ReviewItem.objects.filter(pk=item_id, state=ReviewItem.State.CLAIMED)
    reserved = ReviewItem.objects.filter(pk=item_id, state=ReviewItem.State.OPEN, reserved_for__isnull=False)
    item = ReviewItem.objects.filter(pk=item_id).first()
    if item is None or claimed.update(**RELEASED) + reserved.update(**NOT_RESERVED) != 1:
        raise ReleaseRefused(gettext("This item is not claimed."))
    detail = {"holder": item.claimed_by_id or item.reserved_for_id}
    audit.record(action="item.taken_back", actor=senior, target=item, detail=detail)


def _release(item_id: int, reviewer: User, action: str, detail: Mapping[str, Any], **changes: Any) -> None:
    require_decider(reviewer)
    held = held_by(reviewer.pk, item_id)
    before = held.select_for_update().first()
    if before is None or held.update(**RELEASED | NOT_RESERVED | changes) != 1:
        raise claim_lost(item_id, reviewer)
    receiver = changes.get("reserved_for")
    skip = Skip.objects.filter(item=before, reviewer=receiver).first() if receiver else None
    undoable = {
        "act": ACTS[action],
        "handed_to": receiver,
        "was_escalated": before.is_escalated,
        "escalated_by_before_id": before.escalated_by_id,
        "message_before": before.message,
        "skip_of_receiver": skip.reason if skip else "",
        "put_aside_at": Now(),
    }
    PutAside.objects.update_or_create(item=before, reviewer=reviewer, defaults=undoable)
    audit.record(action=action, actor=reviewer, target=before, detail=dict(detail))


@transaction.atomic
def release_undo(*, item_id: int, reviewer: User) -> None:
    """Undo one's own skip, snooze, escalation or hand-over and hold the item again, as it was before.

    An item held meanwhile is reserved for the same person. Raises TooLateToTakeBack once UNDO_WINDOW_S is over, or
    another person holds the item or sees it next.
    """
    require_decider(reviewer)
    person_lock(person_id=reviewer.pk)
    item = ReviewItem.objects.select_for_update().filter(pk=item_id, state=ReviewItem.State.OPEN).first()
    since = Now() - dt.timedelta(seconds=settings.UNDO_WINDOW_S)
    act = PutAside.objects.filter(item=item, reviewer=reviewer, put_aside_at__gt=since).first()
    if item is None or act is None or item.reserved_for_id not in (None, reviewer.pk, act.handed_to_id):
        raise TooLateToTakeBack
    claim_again(
        item=item,
        reviewer=reviewer,
        snoozed_until=None,
        is_escalated=act.was_escalated,
        escalated_by=act.escalated_by_before_id,
        message=act.message_before,
    )
    if act.act == PutAside.Act.SKIPPED:
        Skip.objects.filter(item=item, reviewer=reviewer).delete()
    if act.skip_of_receiver:
        Skip.objects.get_or_create(
            item=item, reviewer_id=act.handed_to_id, defaults={"reason": act.skip_of_receiver}
        )
    audit.record(action="item.release_undone", actor=reviewer, target=item, detail={"act": act.act})
    act.delete()
