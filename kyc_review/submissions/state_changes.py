"""How the state and the result of a submission change: completed, overturned, cancelled, erased."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.core.db.statements import fetch_all, fetch_one
from kyc_review.notices.models import Kind as NoticeKind
from kyc_review.notices.outbox import notice_record
from kyc_review.submissions.events import events_record
from kyc_review.submissions.models import Result, ResultReason, State, Submission
from kyc_review.webhooks.models import Kind

REASON_OF_RESULT = {
    Result.CLEAR: ResultReason.REVIEWER_FOUND_GENUINE.value,
    Result.REJECTED: ResultReason.REVIEWER_FOUND_FORGED.value,
}
# Shared: those who write about the same pictures do not wait for one another, whatever the order, and an erasure does.
HOLD_SUBMISSIONS = """
SELECT id FROM submissions_submission WHERE id = ANY(%(submissions)s) AND erased_at IS NULL ORDER BY id FOR SHARE
"""
# Two that hold a row shared and both go on to change it would wait for each other for good.
HOLD_SUBMISSIONS_TO_CHANGE = HOLD_SUBMISSIONS.replace("FOR SHARE", "FOR NO KEY UPDATE")
LOCK_SUBMISSION = "SELECT state FROM submissions_submission WHERE id = %(submission)s FOR UPDATE"


EMPTIED = ("external_ref", "applicant_ref", "metadata", "last_error")


class StaleSubmission(Exception):
    """The submission is not in the state that the change expects; nothing was written."""


@transaction.atomic
def submission_complete(*, submission_id: uuid.UUID, result: str, reason: str = "") -> None:
    """Close a submission in review with its outcome; call it in the transaction of the decision.

    `reason` is a code that the integration reads; `resubmit` needs one (what was wrong with the picture).
    The integration hears of it once that transaction is committed.
    Raises StaleSubmission when it is not in review, ValueError for `resubmit` without a reason.
    """
    reason = reason or REASON_OF_RESULT.get(Result(result), "")
    if not reason:
        raise ValueError("A request for another selfie needs a reason.")
    changed = Submission.objects.filter(pk=submission_id, state=State.IN_REVIEW).update(
        state=State.COMPLETED, result=Result(result).value, result_reason=reason, completed_at=Now()
    )
    if changed != 1:
        raise StaleSubmission(f"Submission {submission_id} is not in review.")
    kind = Kind.RESUBMIT_REQUESTED if result == Result.RESUBMIT else Kind.COMPLETED
    events_record(submission_ids=[submission_id], kind=kind)


@transaction.atomic
def submission_overturn(*, submission_id: uuid.UUID, result: str, reason: str = "") -> bool:
    """Give a completed submission another outcome, in the transaction of the correction; False when it is the same.

    `reason` as in `submission_complete`. Raises StaleSubmission when the submission is not completed.
    """
    row = Submission.objects.select_for_update().filter(pk=submission_id, state=State.COMPLETED).first()
    if row is None:
        raise StaleSubmission(f"Submission {submission_id} is not completed.")
    reason = reason or REASON_OF_RESULT.get(Result(result), "")
    if (row.result, row.result_reason) == (result, reason):
        return False
    before, row.result, row.result_reason = row.result, Result(result).value, reason
    row.save(update_fields=["result", "result_reason"])
    detail = {"from": before, "result": row.result, "reason": reason}
    audit.record(action="submission.overturned", target=row, detail=detail)
    events_record(submission_ids=[submission_id], kind=Kind.OVERTURNED)
    if (before, row.result) == (Result.CLEAR, Result.REJECTED) and not row.is_planted:
        notice_record(
            kind=NoticeKind.OVERTURNED,
            title="A cleared selfie was found to be fake",
            text=f"Submission {row.pk} was cleared; its outcome is now {row.result}.",
            path=reverse("insights:submission", args=[row.pk]),
        )
    return True


def submission_mark_cancelled(*, submission_id: uuid.UUID) -> bool:
    """Close a submission that has no result yet; False when it has one, or is cancelled already."""
    open_states = [State.RECEIVED, State.SCORING, State.IN_REVIEW]
    changed = Submission.objects.filter(pk=submission_id, state__in=open_states).update(
        state=State.CANCELLED, lease_holder="", cancelled_at=Now()
    )
    return changed == 1


def submission_make_bare(row: Submission) -> None:
    """Empty what names the applicant. Without a result by now it never gets one: a late verdict finds it cancelled.

    The row is locked by the caller, in the transaction of the erasure.
    """
    row.refresh_from_db()  # a decision that settled just now has completed it
    now = database_now()
    row.external_ref, row.applicant_ref, row.metadata, row.last_error = "", "", {}, ""
    row.erased_at = now
    if row.state not in (State.COMPLETED, State.CANCELLED):
        row.state, row.lease_holder, row.cancelled_at = State.CANCELLED, "", now
    row.save(update_fields=[*EMPTIED, "erased_at", "state", "lease_holder", "cancelled_at"])


def submissions_hold(submission_ids: Iterable[uuid.UUID], *, to_change: bool = False) -> set[uuid.UUID]:
    """Those that are not erased, and will not be until the caller's transaction ends.

    `to_change`: the caller may change them in this transaction; no other transaction holds them meanwhile.
    """
    statement = HOLD_SUBMISSIONS_TO_CHANGE if to_change else HOLD_SUBMISSIONS
    return {row[0] for row in fetch_all(statement, {"submissions": list(submission_ids)})}


def submission_lock(*, submission_id: uuid.UUID) -> str:
    """Its state, which no other transaction can change until the caller's ends."""
    found = fetch_one(LOCK_SUBMISSION, {"submission": submission_id})
    if found is None:
        raise Submission.DoesNotExist
    return str(found[0])
