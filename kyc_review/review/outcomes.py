"""What final answers do to the outcome of a submission."""

from __future__ import annotations

from uuid import UUID

from kyc_review.submissions.models import Result, Submission
from kyc_review.submissions.state_changes import StaleSubmission, submission_complete, submission_overturn

from .appeals import RESULT_OF_LABEL, appeal_answered, is_appealed
from .audit_sampling import audit_conclude, is_audited
from .models import Decision, ReviewItem
from .twins import is_reopened, twin_search_request


def is_judged_again(submission_id: UUID) -> bool:
    """Whether items look again at an outcome that stands: an audit, the twin of a rejected picture, an appeal."""
    return is_reopened(submission_id) or is_audited(submission_id) or is_appealed(submission_id)


def outcome_reach(*, item: ReviewItem, decision: Decision) -> str | None:
    """Complete the item's submission, or conclude the audit or correction that the item belongs to.

    Returns the result that stands; None when the submission was completed or closed otherwise meanwhile.
    """
    if item.correction_id is not None:
        return outcome_replace(item=item, decision=decision)
    result: str = RESULT_OF_LABEL[Decision.Label(decision.label)]
    try:
        submission_complete(submission_id=item.submission_id, result=result, reason=decision.obstacle)
    except StaleSubmission:
        if not is_judged_again(item.submission_id):
            return None
        replaced = outcome_replace(item=item, decision=decision)
        appeal_answered(item.submission_id)
        return replaced
    twin_search_request(submission_id=item.submission_id)
    return result


def outcome_replace(*, item: ReviewItem, decision: Decision) -> str | None:
    """Give a completed submission the outcome of this later decision, or conclude its audit.

    Returns the result that stands; None when the submission was changed otherwise meanwhile. What is clear and stays
    clear is not reported again.
    """
    twin_search_request(submission_id=item.submission_id)
    is_other = is_reopened(item.submission_id) or is_appealed(item.submission_id)
    if is_audited(item.submission_id) and not is_other:
        return audit_conclude(
            submission_id=item.submission_id, label=decision.label, obstacle=decision.obstacle
        )
    result: str = RESULT_OF_LABEL[Decision.Label(decision.label)]
    clear = Submission.objects.filter(pk=item.submission_id, result=Result.CLEAR)
    if result == Result.CLEAR and clear.exists():
        return result
    try:
        submission_overturn(submission_id=item.submission_id, result=result, reason=decision.obstacle)
    except StaleSubmission:
        return None
    return result
