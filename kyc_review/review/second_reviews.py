"""Who reviews after a decision: no one, a second person, or a third when the first two disagree. All reviews
are blind.

A picture that one person may not clear (see clearance.py) is reviewed until two people say *real*, or the last of them
says something else.
"""

from __future__ import annotations

from django.conf import settings

from .clearance import another_found_real, real_needs_two_people
from .models import Decision, ReviewItem

SHARE_STEPS = 10_000


def followup_item_for(*, item: ReviewItem, decision: Decision) -> ReviewItem | None:
    """The item that must be opened before the submission may complete; None when the decision completes it.

    The next person sees the reason and risk that the first one saw, and nothing of what was said.
    """
    if real_waits_for_another(item=item, label=decision.label, person=decision.reviewer_id):
        is_later = item.reason in (ReviewItem.Reason.SECOND_REVIEW, ReviewItem.Reason.ADJUDICATION)
        reason = ReviewItem.Reason.ADJUDICATION if is_later else ReviewItem.Reason.SECOND_REVIEW
        return _open(item, reason)
    if item.reason == ReviewItem.Reason.ADJUDICATION:
        return None
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


def needs_second_review(item: ReviewItem, decision: Decision) -> bool:
    """A fixed share of all, chosen by the submission's random number; and every fake at or above the set risk."""
    if decision.label == Decision.Label.FAKE and item.risk >= settings.SECOND_REVIEW_FAKE_RISK:
        return True
    drawn: int = item.submission_id.int % SHARE_STEPS
    return drawn < settings.SECOND_REVIEW_SHARE * SHARE_STEPS


def real_waits_for_another(*, item: ReviewItem, label: str, person: int) -> bool:
    """Whether *real* by this person may not clear the picture yet: no one else has said it, and two people must."""
    if label != Decision.Label.REAL or item.reason == ReviewItem.Reason.GOLD:
        return False
    return real_needs_two_people(item) and not another_found_real(item, person)


def _open(item: ReviewItem, reason: str) -> ReviewItem:
    return ReviewItem.objects.create(
        submission_id=item.submission_id,
        reason=reason,
        masked_reason=item.masked_reason or item.reason,
        is_blind=True,
        risk=item.risk,
        queue_reason=item.queue_reason,
        queue_risk=item.queue_risk,
    )
