"""Who reviews after a decision: no one, a second person, or a third when the first two disagree. All reviews
are blind.

A picture that one person may not clear (see clearance.py) is reviewed until two people say *real*, or the last of them
says something else. A correction that needs a second person takes effect when that person, or a third, agrees.
"""

from __future__ import annotations

from .clearance import (
    another_found_real,
    fake_needs_two_people,
    is_drawn_for_second,
    real_needs_two_people,
)
from .models import Decision, ReviewItem

LATER_REVIEWS = (
    ReviewItem.Reason.SECOND_REVIEW,
    ReviewItem.Reason.ADJUDICATION,
    ReviewItem.Reason.TWIN_REJECTED,
)


def followup_item_for(*, item: ReviewItem, decision: Decision) -> ReviewItem | None:
    """The item that must be opened before the submission may complete; None when the decision completes it.

    The next person sees the reason and risk that the first one saw, and nothing of what was said.
    """
    is_later = item.reason in LATER_REVIEWS
    if real_waits_for_another(item=item, label=decision.label, person=decision.reviewer_id):
        return _open(item, ReviewItem.Reason.ADJUDICATION if is_later else ReviewItem.Reason.SECOND_REVIEW)
    if item.reason == ReviewItem.Reason.ADJUDICATION:
        return None
    if item.reason == ReviewItem.Reason.TWIN_REJECTED:
        return _open(item, ReviewItem.Reason.ADJUDICATION) if needs_second_review(item, decision) else None
    if item.reason == ReviewItem.Reason.SECOND_REVIEW:
        first = (
            Decision.objects.final()
            .filter(submission=item.submission_id)
            .exclude(item__reason=ReviewItem.Reason.GOLD)
            .exclude(item=item)
            .order_by("pk")
            .last()
        )
        if first is None or first.label == decision.label:
            return None
        return _open(item, ReviewItem.Reason.ADJUDICATION)
    return _open(item, ReviewItem.Reason.SECOND_REVIEW) if needs_second_review(item, decision) else None


def correction_item_open(*, item: ReviewItem, correction: Decision) -> ReviewItem:
    """The item of the person who must agree before the correction of this decided item takes effect."""
    return _open(item, ReviewItem.Reason.SECOND_REVIEW, correction=correction.pk)


def needs_second_review(item: ReviewItem, decision: Decision) -> bool:
    """Whether a second person must judge before this answer counts, whatever others said: it is drawn for that, the
    author is not sure, or it is a fake of a risk that the bank chose."""
    if is_drawn_for_second(item) or not decision.is_sure:
        return True
    return decision.label == Decision.Label.FAKE and fake_needs_two_people(item)


def real_waits_for_another(*, item: ReviewItem, label: str, person: int) -> bool:
    """Whether *real* by this person may not clear the picture yet: no one else has said it, and two people must."""
    if label != Decision.Label.REAL or item.reason == ReviewItem.Reason.GOLD:
        return False
    return real_needs_two_people(item) and not another_found_real(item, person)


def _open(item: ReviewItem, reason: str, correction: int | None = None) -> ReviewItem:
    return ReviewItem.objects.create(
        submission_id=item.submission_id,
        reason=reason,
        masked_reason=item.masked_reason or item.reason,
        is_blind=True,
        risk=item.risk,
        queue_reason=item.queue_reason,
        queue_risk=item.queue_risk,
        correction_id=correction or item.correction_id,
    )
