"""The browser's versions of a selfie: re-encoded pixels without metadata, created once and stored."""

from collections.abc import Callable
from uuid import UUID

from django.core.files.base import ContentFile

from detection.decoding import derivative
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, originals, reference_key, storage_key

THUMBNAIL, THUMBNAIL_SIDE = "thumbnail.jpg", 160
PREVIEW, PREVIEW_SIDE = "preview.jpg", 480
REFERENCE, REFERENCE_THUMBNAIL = "reference.jpg", "reference-thumbnail.jpg"


def derivative_key(submission_id: UUID) -> str:
    """Name of the submission's display picture in the storage `derivatives`."""
    return f"{storage_key(submission_id)}.jpg"


def derivative_ensure(submission: Submission) -> str:
    """The key of the display derivative in `derivatives`, made from the original at the first call.

    Two calls at once make the same file twice; the later one replaces the earlier whole. Raises ImageRefused when the
    original cannot be decoded now, FileNotFoundError when it is gone.
    """
    key = derivative_key(submission.pk)
    if not derivatives.exists(key):
        with originals.open(submission.image_key) as original:
            derivatives.save(key, ContentFile(derivative(original.read())))
    return key


def thumbnail_ensure(submission: Submission) -> str:
    """The key of the small picture in `derivatives`, made from the display derivative at the first call.

    It lies with the views of the evidence, and is erased with them. Raises as `derivative_ensure`.
    """
    return _reduced(submission, THUMBNAIL, derivative_ensure)


def preview_ensure(submission: Submission) -> str:
    """As `thumbnail_ensure`, but large enough to judge a face."""
    return _reduced(submission, PREVIEW, derivative_ensure, max_side=PREVIEW_SIDE)


def reference_ensure(submission: Submission) -> str:
    """The key of the display version of the reference image in `derivatives`. Raises as `derivative_ensure`."""
    key = f"{storage_key(submission.pk)}/{REFERENCE}"
    if not derivatives.exists(key):
        with originals.open(reference_key(submission.pk)) as original:
            derivatives.save(key, ContentFile(derivative(original.read())))
    return key


def reference_thumbnail_ensure(submission: Submission) -> str:
    """The key of the small version of the reference image in `derivatives`. Raises as `derivative_ensure`."""
    return _reduced(submission, REFERENCE_THUMBNAIL, reference_ensure)


def _reduced(
    submission: Submission, name: str, ensure: Callable[[Submission], str], max_side: int = THUMBNAIL_SIDE
) -> str:
    key = f"{storage_key(submission.pk)}/{name}"
    if not derivatives.exists(key):
        with derivatives.open(ensure(submission)) as shown:
            derivatives.save(key, ContentFile(derivative(shown.read(), max_side=max_side, quality=80)))
    return key
