"""Opens review items, and gathers the services of review, which are defined in modules named after their subject."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.evidence import services as evidence
from kyc_review.review.audit_sampling import audits_drawn, refusals_drawn
from kyc_review.review.release import (
    ReleaseRefused,
    claim_release,
    claim_take_back,
    item_escalate,
    item_hand_over,
    item_snooze,
    release_undo,
)

from .calibration import gold_add, gold_draw, gold_due, gold_remove
from .claims import (
    ClaimLost,
    claim_lease,
    claim_next,
    claim_renew,
    claim_renew_if_held,
    claims_expire,
    item_claim_next,
    item_reserve_next,
)
from .corrections import decision_correct
from .decisions import (
    TooLate,
    decision_record,
    decision_undo,
    decisions_settle,
    first_call_record,
)
from .models import RISK_WITHOUT_VOTES, ReviewItem
from .queue_masking import mask_positions

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

__all__ = [
    "ClaimLost",
    "ReleaseRefused",
    "TooLate",
    "act_undo",
    "audits_open",
    "claim_lease",
    "claim_next",
    "claim_release",
    "claim_renew",
    "claim_renew_if_held",
    "claim_take_back",
    "claims_expire",
    "decision_correct",
    "decision_record",
    "decision_undo",
    "decisions_settle",
    "first_call_record",
    "gold_add",
    "gold_open",
    "gold_remove",
    "item_claim_next",
    "item_escalate",
    "item_hand_over",
    "item_reserve_next",
    "item_snooze",
    "item_view_record",
    "items_open",
    "refusals_open",
    "release_undo",
]

_dice = random.Random()  # noqa: S311  (which ordinary items are blind is no secret)


@transaction.atomic(savepoint=False)
def items_open(rows: Iterable[tuple[UUID, str, float]]) -> None:
    """Queue `(submission_id, reason, risk)` rows; a part of the caller's transaction where there is one.

    Gold that goes with them is drawn, and opened later.

    A submission that already waits stays as it is, so that a repeated message opens nothing twice.
    """
    items = [
        ReviewItem(submission_id=sid, reason=reason, risk=risk, is_blind=_is_blind(reason))
        for sid, reason, risk in rows
    ]
    _save(items)
    gold_draw(opened=len(items))


@transaction.atomic
def gold_open() -> int:
    """Queue the gold whose time has come; how many. Safe to call at any time, by anyone."""
    return _save(gold_due())


def _save(items: list[ReviewItem]) -> int:
    mask_positions(items)
    ReviewItem.objects.bulk_create(items, ignore_conflicts=True)
    evidence.evidence_request(item.submission_id for item in items)
    return len(items)


def audits_open(cleared: Iterable[tuple[UUID, float]]) -> None:
    """Draw the audit sample from `(submission_id, risk)` rows that were just cleared, in the caller's transaction.

    A drawn submission waits for review; its outcome stands and is sent as usual.
    """
    items_open([(sid, ReviewItem.Reason.AUDIT, risk) for sid, risk in audits_drawn(cleared)])


def refusals_open(sent_back: Iterable[UUID]) -> None:
    """Draw the quality sample from submissions that checks just sent back, in the caller's transaction.

    People see them blind among the others; their outcome stands and is reported as usual.
    """
    items_open([(sid, ReviewItem.Reason.AUDIT, RISK_WITHOUT_VOTES) for sid in refusals_drawn(sent_back)])


def act_undo(*, item_id: int, reviewer: User) -> None:
    """Undo what the person did last to the item: their decision, or that they put it aside. Raises TooLate."""
    is_decided = ReviewItem.objects.filter(pk=item_id, state=ReviewItem.State.SETTLING).exists()
    undo = decision_undo if is_decided else release_undo
    undo(item_id=item_id, reviewer=reviewer)


def item_view_record(*, item: ReviewItem, viewer: User) -> None:
    """Write to the audit log that somebody saw a face without holding its item; a claim is itself a record."""
    if viewer.pk not in (item.claimed_by_id, item.reserved_for_id):
        audit.record(action="item.looked_at", actor=viewer, target=item)


def _is_blind(reason: str) -> bool:
    return reason == ReviewItem.Reason.AUDIT or _dice.random() < settings.BLIND_SHARE
