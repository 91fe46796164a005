"""Moving submissions posted with a test key along their scripts; no model and no person ever sees them."""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import CORRECTED_IN_SANDBOX, Result, State, Submission
from kyc_review.submissions.scripts import CORRECTED_AFTER_S, script_of
from kyc_review.webhooks.models import Kind

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@transaction.atomic
def sandbox_advance(*, limit: int = 100) -> int:
    """Take every due test submission one step further; how many."""
    due = Submission.objects.select_for_update(skip_locked=True).filter(
        is_test=True, due_at__lte=database_now()
    )
    open_states = [State.RECEIVED, State.IN_REVIEW]
    opened = list(due.filter(state__in=open_states).order_by("due_at")[:limit])
    decided = list(
        due.filter(state=State.COMPLETED, external_ref__startswith=CORRECTED_IN_SANDBOX).order_by("due_at")[
            :limit
        ]
    )
    for row in opened:
        _step(row)
    for row in decided:
        _correct(row)
    return len(opened) + len(decided)


def _step(row: Submission) -> None:
    script, now = script_of(row.external_ref), database_now()
    if row.state == State.RECEIVED and script.review_s is not None:
        row.state, row.due_at = State.IN_REVIEW, now + timedelta(seconds=script.review_s)
    else:
        row.state, row.result, row.result_reason = State.COMPLETED, script.result, script.reason
        row.completed_at = now
        row.due_at = now + timedelta(seconds=CORRECTED_AFTER_S) if script.corrected else row.due_at
    row.save(update_fields=["state", "due_at", "result", "result_reason", "completed_at"])
    audit.record(action=f"submission.sandbox_{row.state}", target=row, detail={"result": row.result})
    event_record(submission=row, kind=_kind(row, by_models=script.review_s is None))


def _correct(row: Submission) -> None:
    """As a correction by people does; the row is due no more afterwards."""
    script = script_of(row.external_ref)
    row.due_at = NEVER
    if script.corrected is None:
        row.save(update_fields=["due_at"])
        return
    before, (row.result, row.result_reason) = row.result, script.corrected
    row.save(update_fields=["due_at", "result", "result_reason"])
    detail = {"from": before, "result": row.result}
    audit.record(action="submission.sandbox_overturned", target=row, detail=detail)
    event_record(submission=row, kind=Kind.OVERTURNED)


def _kind(row: Submission, *, by_models: bool) -> Kind:
    if row.state == State.IN_REVIEW:
        return Kind.QUEUED
    if row.result == Result.RESUBMIT:
        return Kind.RESUBMIT_REQUESTED
    return Kind.CLEARED if by_models else Kind.COMPLETED
