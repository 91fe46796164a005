"""Responses that carry a face. The caller has checked that the viewer may see it."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext

from detection.decoding import ImageRefused
from encrypted_files.stream import FileUnreadable
from kyc_review.evidence.models import Evidence
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives

from .derivatives import (
    derivative_ensure,
    preview_ensure,
    reference_ensure,
    reference_thumbnail_ensure,
    thumbnail_ensure,
)

log = logging.getLogger(__name__)


def derivative_response(submission: Submission) -> HttpResponseBase:
    """The display derivative, created on first use."""
    return _made(submission, derivative_ensure)


def thumbnail_response(submission: Submission) -> HttpResponseBase:
    """A small picture of the face, created on first use."""
    return _made(submission, thumbnail_ensure)


def preview_response(submission: Submission) -> HttpResponseBase:
    """A picture of the face that is large enough to judge it in a list, created on first use."""
    return _made(submission, preview_ensure)


def reference_response(submission: Submission, *, is_small: bool) -> HttpResponseBase:
    """The reference image, or its small version, created on first use."""
    return _made(submission, reference_thumbnail_ensure if is_small else reference_ensure)


def _made(submission: Submission, ensure: Callable[[Submission], str]) -> HttpResponseBase:
    try:
        return _send(ensure(submission), "image/jpeg")
    except ImageRefused as refused:
        return HttpResponse(refused.detail, status=refused.status, content_type="text/plain; charset=utf-8")
    except FileNotFoundError as gone:
        raise Http404(gettext("The original of this submission no longer exists.")) from gone
    except OSError as failed:
        return unavailable_response(failed)


def picture_response(evidence: Evidence, name: str) -> HttpResponseBase:
    """One of the pictures that the evidence names. Raises FileNotFoundError when its file is gone."""
    return _send(evidence.key_of(name), evidence.pictures[name])


def _proxy_can_send(key: str) -> bool:
    return bool(settings.ACCEL_REDIRECT_PREFIX) and not derivatives.is_encrypted(key)


def unavailable_response(error: OSError) -> HttpResponse:
    """Said in place of a picture that the storage has, or may have, and cannot give now; the browser may ask again.

    error: a key that is missing, an object storage that does not answer, a disk or a network folder that fails.
    """
    log.error("a picture cannot be shown: %s: %s", error.filename, error.strerror or error)
    if isinstance(error, FileUnreadable):
        said = gettext("The picture cannot be decrypted now. Tell an operator: the log says what is missing.")
    else:
        said = gettext(
            "The picture cannot be shown now, because the storage does not answer. Try again in a moment."
        )
    return HttpResponse(
        said, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "5"}
    )


def _send(key: str, content_type: str) -> HttpResponseBase:
    """Streamed by Django or handed to the reverse proxy; never kept by a cache."""
    answer: HttpResponseBase
    try:
        picture = None if _proxy_can_send(key) else derivatives.open(key)
    except FileNotFoundError:
        raise
    except OSError as failed:
        return unavailable_response(failed)
    if picture is None:
        answer = HttpResponse(content_type=content_type)
        answer["X-Accel-Redirect"] = f"{settings.ACCEL_REDIRECT_PREFIX.rstrip('/')}/{key}"
    else:
        answer = FileResponse(picture, content_type=content_type)
        del answer[
            "Content-Disposition"
        ]  # its file name is the submission's id, which a blind item does not tell
    answer["Cache-Control"] = "private, no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
