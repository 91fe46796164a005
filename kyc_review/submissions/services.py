"""Writes on submissions: intake and completion."""

import uuid
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from detection.image import inspect
from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.submissions.models import Result, ResultReason, State, Submission
from kyc_review.submissions.storage import originals
from kyc_review.webhooks import services as webhooks
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
    filename: str | None = None,
    content_type: str | None = None,
) -> Submission:
    """Keep the original bytes untouched, then the row that names them.

    File first, row second: whatever dies between the two leaves a file without a row, never a row without
    its file. Raises detection.image.ImageRefused before anything is stored.
    """
    facts = inspect(image, filename=filename, content_type=content_type)
    pk = uuid.uuid4()
    submission = Submission(
        id=pk,
        integration=integration,
        external_ref=external_ref,
        applicant_ref=applicant_ref,
        metadata=metadata or {},
        is_test=is_test,
        image_key=f"{pk.hex[:2]}/{pk.hex}.{facts.format.lower()}",
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        format=facts.format,
        width=facts.width,
        height=facts.height,
    )
    originals.save(submission.image_key, ContentFile(image))
    try:
        with transaction.atomic():
            submission.save(force_insert=True)
            audit.record(
                action="submission.received",
                actor=integration,
                target=submission,
                detail={"external_ref": external_ref, "sha256": facts.sha256},
            )
    except Exception:
        originals.delete(submission.image_key)
        raise
    return submission


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
    webhooks.events_record(submission_ids=[submission_id], kind=kind)


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
    webhooks.events_record(submission_ids=[submission_id], kind=Kind.OVERTURNED)
    return True
