"""What final answers do to the outcome of a submission."""

from __future__ import annotations

from kyc_review.submissions import services as submissions
from kyc_review.submissions.models import Result

from .audit_sampling import audit_conclude, is_audited
from .models import Decision, ReviewItem

RESULT_OF_LABEL = {
    Decision.Label.REAL: Result.CLEAR,
    Decision.Label.FAKE: Result.REJECTED,
    Decision.Label.NOT_ASSESSABLE: Result.RESUBMIT,
}


def outcome_reach(*, item: ReviewItem, decision: Decision) -> str | None:
    """Complete the item's submission, or conclude the audit or correction that the item belongs to.

    Returns the result that stands; None when the submission was completed or closed otherwise meanwhile.
    """
    if item.correction_id is not None:
        return outcome_replace(item=item, decision=decision)
    result: str = RESULT_OF_LABEL[Decision.Label(decision.label)]
    try:
        submissions.submission_complete(
            submission_id=item.submission_id, result=result, reason=decision.obstacle
        )
    except submissions.StaleSubmission:
        if not is_audited(item.submission_id):
            return None
        return audit_conclude(submission_id=item.submission_id, label=decision.label)
    return result


def outcome_replace(*, item: ReviewItem, decision: Decision) -> str | None:
    """Give a completed submission the outcome of this later decision; likewise."""
    if is_audited(item.submission_id):
        return audit_conclude(submission_id=item.submission_id, label=decision.label)
    result: str = RESULT_OF_LABEL[Decision.Label(decision.label)]
    try:
        submissions.submission_overturn(
            submission_id=item.submission_id, result=result, reason=decision.obstacle
        )
    except submissions.StaleSubmission:
        return None
    return result
