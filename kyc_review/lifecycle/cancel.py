"""An integration cancels a submission that has no result yet."""

from django.db import transaction

from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.review.cancellation import AlreadyDecided, item_cancel
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import StaleSubmission, submission_mark_cancelled


@transaction.atomic
def submission_cancel(*, submission: Submission, actor: Integration) -> None:
    """Cancel a submission that has no result yet; scoring and review stop. Safe to repeat.

    The review item first, as a decision does it, so that the two cannot wait for each other.
    Raises StaleSubmission when it is completed or a person has decided.
    """
    try:
        item_cancel(submission_id=submission.pk)
    except AlreadyDecided:
        raise StaleSubmission(f"Submission {submission.pk} has been decided.") from None
    changed = submission_mark_cancelled(submission_id=submission.pk)
    submission.refresh_from_db()
    if changed:
        # Routing may have opened an item since the first look.
        item_cancel(submission_id=submission.pk)
        audit.record(action="submission.cancelled", actor=actor, target=submission)
    elif submission.state != State.CANCELLED:
        raise StaleSubmission(f"Submission {submission.pk} is {submission.state}.")
