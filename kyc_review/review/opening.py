"""Opening review items: for the queue, for calibration, and for the quality sample."""

from __future__ import annotations

import random
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction

from kyc_review.evidence import services as evidence
from kyc_review.submissions.models import Submission

from .audit_sampling import audits_drawn, refusals_drawn
from .calibration import gold_draw, gold_due
from .models import RISK_WITHOUT_VOTES, ReviewItem
from .queue_masking import mask_positions

_dice = random.Random()  # noqa: S311  (which ordinary items are blind is no secret)


@transaction.atomic(savepoint=False)
def items_open(rows: Iterable[tuple[UUID, str, float]]) -> None:
    """Queue `(submission_id, reason, risk)` rows; a part of the caller's transaction where there is one.

    Gold that goes with them is drawn, and opened later.

    A submission that already waits stays as it is, so that a repeated message opens nothing twice.
    """
    rows = list(rows)
    planted = _planted(sid for sid, _, _ in rows)
    items = [
        ReviewItem(submission_id=sid, reason=reason, risk=risk, is_blind=sid in planted or _is_blind(reason))
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


def _planted(ids: Iterable[UUID]) -> set[UUID]:
    """Those that are planted forgeries: like calibration items they are always blind."""
    if settings.BLIND_SHARE >= 1:  # everything is
        return set()
    return set(Submission.objects.filter(pk__in=list(ids), is_planted=True).values_list("pk", flat=True))


def _is_blind(reason: str) -> bool:
    return reason == ReviewItem.Reason.AUDIT or _dice.random() < settings.BLIND_SHARE
