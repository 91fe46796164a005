"""Who reviews after a decision: no one, a second person, or a third when the first two disagree.

All these reviews are blind.

A picture that one person may not clear (see clearance.py) is reviewed until two people say *real*, or the last of them
says something else. An answer decides nothing if all who gave it were *not sure*: a senior reviews next, or another
reviewer where no senior is left. A correction that needs a second person takes effect when that person, or a third,
agrees; where all three answer otherwise, the outcome changes only to what two people have said.
"""

from __future__ import annotations

from django.conf import settings

from kyc_review.submissions.models import Submission

from .appeals import RESULT_OF_LABEL, appeal_needs_another, is_appealed
from .blinding import has_possible_senior
from .clearance import (
    REOPENING,
    another_answered,
    another_is_sure_of,
    fake_needs_two_people,
    is_drawn_for_second,
    real_needs_two_people,
    waits_for_another,
)
from .models import Decision, ReviewItem

REVIEWS_OF_ANSWERS = (ReviewItem.Reason.SECOND_REVIEW, ReviewItem.Reason.ADJUDICATION)


def followup_item_for(*, item: ReviewItem, decision: Decision) -> ReviewItem | None:
    """The item that must be opened before the submission may complete; None when the decision completes it.

    The next person sees the reason and risk that the first one saw, and nothing of what was said.
    """
    needs_another = real_waits_for_another(item=item, label=decision.label, person=decision.reviewer_id)
    if item.reason not in REVIEWS_OF_ANSWERS:
        needs_another = needs_another or appeal_needs_another(item=item, decision=decision)
        if not needs_another and not needs_second_review(item, decision):
            return None
        is_reopening = item.reason in REOPENING
        return _open(
            item, ReviewItem.Reason.ADJUDICATION if is_reopening else ReviewItem.Reason.SECOND_REVIEW
        )
    needs_another = needs_another or appealed_real_stands_alone(item=item, decision=decision)
    needs_another = needs_another or corrected_by_one_voice(item=item, decision=decision)
    is_doubted = not decision.is_sure and not another_is_sure_of(item, decision)
    if not needs_another and not is_doubted and not _is_disagreement(item, decision):
        return None
    is_for_senior = is_doubted and has_possible_senior(submission_id=item.submission_id)
    return _open(item, ReviewItem.Reason.ADJUDICATION, is_escalated=is_for_senior)


def _is_disagreement(item: ReviewItem, decision: Decision) -> bool:
    """Whether a second review ends with another answer than the first; a third one's answer counts as it is."""
    if item.reason != ReviewItem.Reason.SECOND_REVIEW:
        return False
    first = (
        Decision.objects.final()
        .filter(submission=item.submission_id)
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .exclude(item=item)
        .order_by("pk")
        .last()
    )
    return first is not None and first.label != decision.label


def correction_item_open(*, item: ReviewItem, correction: Decision) -> ReviewItem:
    """The item of the person who must agree before the correction of this decided item takes effect."""
    return _open(item, ReviewItem.Reason.SECOND_REVIEW, correction=correction.pk)


def answer_waits(*, item: ReviewItem, decision: Decision) -> bool:
    """Whether the item's answer has no effect yet because another person judges the picture, too. A calibration item
    answers as the others do while they wait."""
    doubtful = waits_for_another(item=item, label=decision.label, is_sure=decision.is_sure)
    if decision.corrects_id is not None or not doubtful or item.submission.erased_at is not None:
        return False
    if item.state != ReviewItem.State.DECIDED or item.reason == ReviewItem.Reason.GOLD:
        return True
    undecided = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    return undecided.filter(submission=item.submission_id).exists()


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
    return real_needs_two_people(item) and not another_answered(item, label=label, person=person)


def appealed_real_stands_alone(*, item: ReviewItem, decision: Decision) -> bool:
    """Whether *real* would overturn an appealed outcome though no one else has said it since the appeal, where
    corrections need two people."""
    if decision.label != Decision.Label.REAL or not settings.CORRECTIONS_NEED_TWO:
        return False
    if not is_appealed(item.submission_id):
        return False
    return _changes_outcome_alone(item, decision)


def corrected_by_one_voice(*, item: ReviewItem, decision: Decision) -> bool:
    """Whether an answer to the review of a correction would change the outcome though no one else gives it: neither the
    author of the correction nor anybody who reviewed it."""
    return item.correction_id is not None and _changes_outcome_alone(item, decision)


def outcome_stays(*, item: ReviewItem, label: str) -> bool:
    """Whether the answer leads to the result that the submission has already."""
    result = RESULT_OF_LABEL[Decision.Label(label)]
    return Submission.objects.filter(pk=item.submission_id, result=result).exists()


def _changes_outcome_alone(item: ReviewItem, decision: Decision) -> bool:
    if another_answered(item, label=decision.label, person=decision.reviewer_id):
        return False
    return not outcome_stays(item=item, label=decision.label)


def _open(
    item: ReviewItem, reason: str, *, correction: int | None = None, is_escalated: bool = False
) -> ReviewItem:
    return ReviewItem.objects.create(
        submission_id=item.submission_id,
        reason=reason,
        masked_reason=item.masked_reason or item.reason,
        is_blind=True,
        is_escalated=is_escalated,
        risk=item.risk,
        queue_reason=item.queue_reason,
        queue_risk=item.queue_risk,
        correction_id=correction or item.correction_id,
    )
