"""How sure each label is, from all that people answered: second answers, calibration items, Dawid and Skene."""

from __future__ import annotations

from uuid import UUID

from estimation.consensus import Consensus, consensus
from kyc_review.review.models import ASSESSED_LABELS, Decision, Gold, ReviewItem

FAKE = Decision.Label.FAKE


def consensus_of_answers_unchecked() -> Consensus:
    """Over every answer that stands, calibration items included; items are submissions."""
    answers = (
        Decision.objects.standing()
        .filter(
            label__in=ASSESSED_LABELS,
            item__state=ReviewItem.State.DECIDED,
            submission__is_test=False,
            submission__is_planted=False,
        )
        .values_list("submission_id", "reviewer_id", "label", "is_sure")
    )
    known = Gold.objects.filter(label__in=ASSESSED_LABELS).values_list("submission_id", "label")
    given: list[tuple[UUID, int, bool]] = []
    unsure: dict[tuple[UUID, int], bool] = {}
    for submission, person, label, is_sure in answers.order_by("pk").iterator():
        given.append((submission, person, label == FAKE))
        unsure[submission, person] = not is_sure  # the person's last answer on this face counts
    doubted = {pair for pair, is_unsure in unsure.items() if is_unsure}
    return consensus(given, {submission: label == FAKE for submission, label in known}, doubted)


def fake_probability(found: Consensus, submission: UUID, label: str) -> float:
    """The consensus' probability of fake, never on the other side of the decision that stands: a label that the answers
    contradict is worth nothing to training, and is not reversed by a computation."""
    stated = found.fake.get(submission, float(label == FAKE))
    return round(max(stated, 0.5) if label == FAKE else min(stated, 0.5), 4)
