"""Whether a submission is there for a caller."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from kyc_review.accounts.authentication import caller_of
from kyc_review.core.problems import Problem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.selectors import submissions_of


def found(request: Request, submission_id: UUID) -> Submission:
    """Raises Http404, also for submissions of another integration or mode; Problem 410 for erased ones."""
    row = get_object_or_404(submissions_of(caller_of(request)), pk=submission_id)
    refuse_erased(row)
    return row


def refuse_erased(row: Submission) -> None:
    """As other providers of identity checks answer once a person's data is gone: that it was here, and nothing else."""
    if row.erased_at:
        raise Problem(
            status=410,
            code="erased",
            detail=f"This submission was erased at {row.erased_at:%Y-%m-%dT%H:%M:%SZ}; it cannot be brought back.",
        )
