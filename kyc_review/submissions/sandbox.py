"""Moving submissions posted with a test key along their scripts; no model and no person ever sees them."""

from datetime import timedelta

from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Result, State, Submission
from kyc_review.submissions.scripts import script_of
from kyc_review.webhooks.models import Kind


@transaction.atomic
def sandbox_advance(*, limit: int = 100) -> int:
    """Take every due test submission one step further; how many."""
    due = list(
        Submission.objects.select_for_update(skip_locked=True)
        .filter(is_test=True, state__in=[State.RECEIVED, State.IN_REVIEW], due_at__lte=database_now())
        .order_by("due_at")[:limit]
    )
    for row in due:
        _step(row)
    return len(due)


def _step(row: Submission) -> None:
    script, now = script_of(row.external_ref), database_now()
    if row.state == State.RECEIVED and script.review_s is not None:
        row.state, row.due_at = State.IN_REVIEW, now + timedelta(seconds=script.review_s)
    else:
        row.state, row.result, row.result_reason = State.COMPLETED, script.result, script.reason
        row.completed_at = now
    row.save(update_fields=["state", "due_at", "result", "result_reason", "completed_at"])
    audit.record(action=f"submission.sandbox_{row.state}", target=row, detail={"result": row.result})
    event_record(submission=row, kind=_kind(row, by_models=script.review_s is None))


def _kind(row: Submission, *, by_models: bool) -> Kind:
    if row.state == State.IN_REVIEW:
        return Kind.QUEUED
    if row.result == Result.RESUBMIT:
        return Kind.RESUBMIT_REQUESTED
    return Kind.CLEARED if by_models else Kind.COMPLETED
