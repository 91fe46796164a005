"""The browser's version of a selfie: re-encoded pixels without metadata, created once and stored."""

from django.core.files.base import ContentFile

from detection.decoding import derivative
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, originals


def derivative_key(submission: Submission) -> str:
    """Name of the submission's display picture in the storage `derivatives`."""
    return f"{submission.pk.hex[:2]}/{submission.pk.hex}.jpg"


def derivative_ensure(submission: Submission) -> str:
    """The key of the display derivative in `derivatives`, made from the original at the first call.

    Two calls at once make the same file twice; the later one replaces the earlier whole. Raises ImageRefused when the
    original cannot be decoded now, FileNotFoundError when it is gone.
    """
    key = derivative_key(submission)
    if not derivatives.exists(key):
        with originals.open(submission.image_key) as original:
            derivatives.save(key, ContentFile(derivative(original.read())))
    return key
