"""Intake: a posted selfie becomes a stored original and a row."""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from detection.decoding import Damage, ImageFacts, ImageRefused, inspect
from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.core import tracing
from kyc_review.core.db.inserted import insert
from kyc_review.core.files import StorageUnavailable
from kyc_review.encryption.keys import data_key_new, is_on, require_encryption, submission_scope
from kyc_review.encryption.models import DataKey
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals, reference_key, storage_key
from kyc_review.submissions.storage_identity import storage_identity_check

log = logging.getLogger(__name__)
DAMAGED_REFERENCE = (
    "The reference image is damaged ({}). Send the whole file again, or the submission without it."
)
DAMAGES = {
    Damage.ENDS_EARLY: "it ends early",
    Damage.MISSING_PIXELS: "pixels are missing",
    Damage.CORRUPT_DATA: "a part of it cannot be decoded",
}  # transparency, such as around a portrait that was cut out, is none


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
    is_planted: bool = False,
) -> Submission:
    """Keep the original bytes untouched, then the row that names them.

    Files first, row second: whatever dies between the two leaves a file without a row, never a row without
    its file. `facts` and `reference_facts` are what `inspect` found; a caller that is inside a transaction gives them,
    because inspecting may wait for a decoder. Raises ImageRefused, KeysUnavailable, WrongStorage before anything is
    stored: an empty mount point takes files, too, and the volume that is mounted later hides them.
    """
    facts = facts or inspect(image)
    if reference_image:
        reference_facts = reference_facts or reference_inspect(reference_image)
    pk = uuid.uuid4()
    submission = Submission(
        id=pk,
        integration=integration,
        external_ref=external_ref,
        applicant_ref=applicant_ref,
        metadata=metadata or {},
        is_test=is_test,
        is_planted=is_planted,
        image_key=f"{storage_key(pk)}.{facts.format.lower()}",
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        file_facts=facts.file_facts(),
        traceparent=tracing.traceparent(),
        reference_sha256=reference_facts.sha256 if reference_image and reference_facts else "",
    )
    storage_identity_check()
    if not is_on():
        require_encryption()  # others encrypt, and this process does not, or lacks their keys: it is set up wrongly
    data_key = data_key_new(submission_scope(pk)) if is_on() else None
    files = {submission.image_key: image}
    if submission.reference_sha256:
        files[reference_key(pk)] = reference_image
    _save_with_files(submission, files, integration, data_key)
    return submission


def reference_inspect(image: bytes, before_waiting: Callable[[], None] = lambda: None) -> ImageFacts:
    """As `inspect`, but a damaged picture is refused, too.

    An applicant may have no better selfie, so damage of that is a fact for people. A reference comes from the
    integration's own records, and half a face compares with nothing. Raises ImageRefused.
    """
    facts = inspect(image, before_waiting=before_waiting)
    if facts.damage in DAMAGES:
        raise ImageRefused("damaged_reference", 422, DAMAGED_REFERENCE.format(DAMAGES[facts.damage]))
    return facts


def _save_with_files(
    submission: Submission,
    files: Mapping[str, bytes],
    integration: Integration,
    data_key: tuple[DataKey, bytes] | None,
) -> None:
    """In the caller's transaction, so that nothing here is committed when files are removed again.

    data_key: a row to be saved and its key; None leaves the files unencrypted.
    """
    # No reference of the applicant is in the detail: the log outlives an erasure.
    detail: dict[str, str | bool] = {"sha256": submission.sha256}
    if submission.reference_sha256:
        detail["reference_sha256"] = submission.reference_sha256
    if data_key:
        detail["encrypted"] = True
    try:
        for key, content in files.items():
            if data_key:
                originals.write(key, content, data_key[1])
            else:
                originals.save(key, ContentFile(content))
        with transaction.atomic(savepoint=False):
            # Of a planted one, too: people who decide read this event. The truth is in `planting.planted`.
            received = audit.event(
                action="submission.received", actor=integration, target=submission, detail=detail
            )
            insert(submission, received, *([data_key[0]] if data_key else []))
    except StorageUnavailable:
        raise  # it would let the client wait once more; the sweep deletes what arrived all the same
    except Exception:
        _remove(files)
        raise


def _remove(keys: Iterable[str]) -> None:
    """What cannot be removed now is left to the sweep; the caller has an error of its own to tell."""
    for key in keys:
        try:
            originals.delete(key)
        except OSError:
            log.exception("%s is left to the sweep", key)
