"""Writes on submissions: intake and completion."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from detection.decoding import ImageFacts, inspect
from kyc_review.accounts.models import ApiKey, Integration
from kyc_review.audit import services as audit
from kyc_review.core.db.inserted import insert
from kyc_review.core.db.statements import fetch_one
from kyc_review.notices.models import Kind as NoticeKind
from kyc_review.notices.outbox import notice_record
from kyc_review.submissions.events import events_record
from kyc_review.submissions.models import LateOutcome, Result, ResultReason, State, Submission
from kyc_review.submissions.storage import originals, reference_key, storage_key
from kyc_review.webhooks.models import Kind

REASON_OF_RESULT = {
    Result.CLEAR: ResultReason.REVIEWER_FOUND_GENUINE.value,
    Result.REJECTED: ResultReason.REVIEWER_FOUND_FORGED.value,
}


class StaleSubmission(Exception):
    """The submission is not in the state that the change expects; nothing was written."""


def submission_create(
    *,
    integration: Integration,
    image: bytes,
    external_ref: str,
    applicant_ref: str = "",
    metadata: dict[str, Any] | None = None,
    is_test: bool = False,
    facts: ImageFacts | None = None,
    reference_image: bytes = b"",
    reference_facts: ImageFacts | None = None,
) -> Submission:
    """Keep the original bytes untouched, then the row that names them.

    Files first, row second: whatever dies between the two leaves a file without a row, never a row without
    its file. `facts` and `reference_facts` are what `inspect` found; a caller that is inside a transaction gives them,
    because inspecting may wait for a decoder. Raises detection.decoding.ImageRefused before anything is stored.
    """
    facts = facts or inspect(image)
    if reference_image:
        reference_facts = reference_facts or inspect(reference_image)
    pk = uuid.uuid4()
    submission = Submission(
        id=pk,
        integration=integration,
        external_ref=external_ref,
        applicant_ref=applicant_ref,
        metadata=metadata or {},
        is_test=is_test,
        image_key=f"{storage_key(pk)}.{facts.format.lower()}",
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        file_facts=facts.file_facts(),
        reference_sha256=reference_facts.sha256 if reference_image and reference_facts else "",
    )
    files = {submission.image_key: image}
    if submission.reference_sha256:
        files[reference_key(pk)] = reference_image
    _save_with_files(submission, files, integration)
    return submission


def _save_with_files(submission: Submission, files: Mapping[str, bytes], integration: Integration) -> None:
    # No reference of the applicant is in the detail: the log outlives an erasure.
    detail = {"sha256": submission.sha256}
    if submission.reference_sha256:
        detail["reference_sha256"] = submission.reference_sha256
    try:
        for key, content in files.items():
            originals.save(key, ContentFile(content))
        with transaction.atomic(savepoint=False):
            received = audit.event(
                action="submission.received", actor=integration, target=submission, detail=detail
            )
            insert(submission, received)
    except Exception:
        for key in files:
            originals.delete(key)
        raise


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
        state=State.COMPLETED, result=Result(result).value, result_reason=reason, completed_at=timezone.now()
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
    if (before, row.result) == (Result.CLEAR, Result.REJECTED):
        notice_record(
            kind=NoticeKind.OVERTURNED,
            title="A cleared selfie was found to be fake",
            text=f"Submission {row.pk} was cleared; its outcome is now {row.result}.",
            path=reverse("insights:submission", args=[row.pk]),
        )
    return True


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
    latest = row.late_outcomes.order_by("-reported_at", "-pk").first()
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


def submission_mark_cancelled(*, submission_id: uuid.UUID) -> bool:
    """Close a submission that has no result yet; False when it has one, or is cancelled already."""
    open_states = [State.RECEIVED, State.SCORING, State.IN_REVIEW]
    changed = Submission.objects.filter(pk=submission_id, state__in=open_states).update(
        state=State.CANCELLED, lease_holder="", cancelled_at=timezone.now()
    )
    return changed == 1


def submission_make_bare(row: Submission) -> None:
    """Empty what names the applicant. Without a result by now it never gets one: a late verdict finds it cancelled.

    The row is locked by the caller, in the transaction of the erasure.
    """
    row.refresh_from_db()  # a decision that settled just now has completed it
    now = timezone.now()
    row.external_ref, row.applicant_ref, row.metadata, row.last_error = "", "", {}, ""
    row.erased_at = now
    if row.state not in (State.COMPLETED, State.CANCELLED):
        row.state, row.lease_holder, row.cancelled_at = State.CANCELLED, "", now
    row.save()


LOCK_SUBMISSION = "SELECT state FROM submissions_submission WHERE id = %(submission)s FOR UPDATE"


def submission_lock(*, submission_id: uuid.UUID) -> str:
    """Its state, which no other transaction can change until the caller's ends."""
    found = fetch_one(LOCK_SUBMISSION, {"submission": submission_id})
    if found is None:
        raise Submission.DoesNotExist
    return str(found[0])
