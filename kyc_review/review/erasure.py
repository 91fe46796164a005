"""Erasure of review data. Call these in the transaction of the erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from kyc_review.audit import services as audit
from kyc_review.review.claims import NOT_RESERVED, RELEASED
from kyc_review.review.decisions import settle
from kyc_review.review.models import AuditDraw, CaseComment, Decision, Gold, PutAside, ReviewItem

if TYPE_CHECKING:
    from uuid import UUID


@transaction.atomic
def items_close(*, submission_id: UUID) -> None:
    """Close all items of the submission that wait for a person. A decision that could still be undone becomes final.

    A holder learns of it at their next action, or from their page within half a minute; `claim_lost` has the text.
    """
    waiting = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED).filter(submission=submission_id)
    for item in waiting.select_for_update().filter(state=ReviewItem.State.SETTLING):
        settle(item)  # which may ask a second person: closed below
    for item in waiting.select_for_update():
        closed = {"state": ReviewItem.State.DECIDED, "decided_at": Now(), "snoozed_until": None}
        waiting.filter(pk=item.pk).update(**RELEASED | NOT_RESERVED | closed)
        detail = {"why": "erased"} | ({"holder": item.claimed_by_id} if item.claimed_by_id else {})
        audit.record(action="item.withdrawn", target=item, detail=detail)


@transaction.atomic
def words_erase(*, submission_id: UUID) -> None:
    """Empty what people wrote about it, and stop using it for calibration. The submission is already erased.

    An undecided draw of an audit is deleted; it would otherwise count as waiting permanently.
    """
    Decision.objects.filter(submission=submission_id).exclude(note="").update(note="")
    ReviewItem.objects.filter(submission=submission_id).exclude(message="").update(message="")
    CaseComment.objects.filter(submission=submission_id, is_appeal=False).delete()
    CaseComment.objects.filter(submission=submission_id).update(text="")
    PutAside.objects.filter(item__submission=submission_id).delete()
    for gold in Gold.objects.filter(submission=submission_id, is_active=True):
        Gold.objects.filter(pk=gold.pk).update(is_active=False)
        audit.record(action="gold.removed", target=gold, detail={"why": "erased"})
    if not Decision.objects.final().filter(submission=submission_id).exists():
        AuditDraw.objects.filter(submission=submission_id).delete()
