"""Writes on submissions: intake and completion."""

import uuid
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from detection.image import inspect
from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.submissions.models import Result, State, Submission
from kyc_review.submissions.storage import originals


class StaleSubmission(Exception):
    """The submission is not in the state that the change expects; nothing was written."""


def submission_create(
    *,
    integration: Integration,
    image: bytes,
    external_ref: str,
    applicant_ref: str = "",
    metadata: dict[str, Any] | None = None,
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


def submission_complete(*, submission_id: uuid.UUID, result: str) -> None:
    """Close a submission in review with its outcome; call it in the transaction of the decision.

    Raises StaleSubmission when it is not in review.
    """
    changed = Submission.objects.filter(pk=submission_id, state=State.IN_REVIEW).update(
        state=State.COMPLETED, result=Result(result).value, completed_at=timezone.now()
    )
    if changed != 1:
        raise StaleSubmission(f"Submission {submission_id} is not in review.")
