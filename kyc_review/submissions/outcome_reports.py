"""What an integration reports, after the result, that an applicant turned out to be."""

from django.db import transaction

from kyc_review.accounts.models import ApiKey
from kyc_review.audit import services as audit
from kyc_review.submissions.models import LateOutcome, State, Submission
from kyc_review.submissions.state_changes import StaleSubmission


def latest_outcome(submission: Submission) -> LateOutcome | None:
    """The report that counts."""
    return submission.late_outcomes.order_by("-reported_at", "-pk").first()


@transaction.atomic
def late_outcome_record(
    *, submission: Submission, finding: str, reported_by: ApiKey, note: str = ""
) -> LateOutcome:
    """Keep what the applicant turned out to be. The latest row counts; the same finding again adds none.

    Raises StaleSubmission when the submission has no result yet.
    """
    row = Submission.objects.select_for_update().get(pk=submission.pk)
    if row.state != State.COMPLETED:
        raise StaleSubmission(f"Submission {row.pk} is {row.state}.")
    latest = latest_outcome(row)
    if latest and latest.finding == finding and latest.note == note:
        return latest
    outcome = LateOutcome.objects.create(
        submission=row,
        finding=LateOutcome.Finding(finding).value,
        note=note,
        reported_by=reported_by.prefix,
    )
    audit.record(
        action="submission.outcome_reported",
        actor=reported_by.integration,
        target=row,
        detail={"finding": finding, "result": row.result},
    )
    return outcome
