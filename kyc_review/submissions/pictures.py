"""The pictures of a submission for the integration that posted them."""

import hashlib
import logging

from encrypted_files.stream import FileDamaged
from kyc_review.accounts.models import ApiKey
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import original_read, reference_key

log = logging.getLogger(__name__)


class PictureDamaged(DomainError):
    """The stored bytes are no longer those that were posted; they are not sent."""

    code = "picture_damaged"
    status = 500


def picture_fetch(*, submission: Submission, is_reference: bool, fetched_by: ApiKey) -> bytes:
    """The bytes as they were posted, checked against their SHA-256; the access is audited with its key.

    Raises OriginalMissing when the storage does not have them or they cannot be decrypted now, PictureDamaged.
    """
    key = reference_key(submission.pk) if is_reference else submission.image_key
    expected = submission.reference_sha256 if is_reference else submission.sha256
    try:
        picture = original_read(key)
    except FileDamaged:
        picture = b""
    if hashlib.sha256(picture).hexdigest() != expected:
        log.error("the original %s is not what was posted", key)
        raise PictureDamaged(
            "The stored picture is not what was posted, so it is not sent. Tell the bank's operator its id."
        )
    name = "reference_image" if is_reference else "image"
    audit.record(
        action="submission.picture_fetched",
        actor=fetched_by.integration,
        target=submission,
        detail={"key": fetched_by.prefix, "picture": name},
    )
    return picture
