"""Responses that carry a face. The caller has checked that the viewer may see it."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext

from detection.decoding import ImageRefused
from encrypted_files.stream import FileUnreadable
from kyc_review.core.files import StorageUnavailable
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
        key = ensure(submission)
    except ImageRefused as refused:
        return HttpResponse(refused.detail, status=refused.status, content_type="text/plain; charset=utf-8")
    except FileNotFoundError as gone:
        raise Http404(gettext("The original of this submission no longer exists.")) from gone
    except FileUnreadable as unreadable:
        return _unreadable(unreadable)
    except StorageUnavailable as unavailable:
        return unavailable_response(unavailable)
    return _send(key, "image/jpeg")


def picture_response(evidence: Evidence, name: str) -> HttpResponseBase:
    """One of the pictures that the evidence names. Raises FileNotFoundError when its file is gone."""
    return _send(evidence.key_of(name), evidence.pictures[name])


def _proxy_can_send(key: str) -> bool:
    return bool(settings.ACCEL_REDIRECT_PREFIX) and not derivatives.is_encrypted(key)


def _unreadable(error: FileUnreadable) -> HttpResponse:
    log.error("a picture cannot be shown: %s", error.strerror)
    return HttpResponse(
        gettext("The picture cannot be decrypted now. Tell an operator: the log says what is missing."),
        status=503,
        content_type="text/plain; charset=utf-8",
    )


def unavailable_response(error: StorageUnavailable) -> HttpResponse:
    """Said in place of a picture; the browser may ask again."""
    log.error("a picture cannot be shown: %s: %s", error.filename, error.strerror)
    return HttpResponse(
        gettext(
            "The picture cannot be shown now, because the storage does not answer. Try again in a moment."
        ),
        status=503,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": "5"},
    )


def _send(key: str, content_type: str) -> HttpResponseBase:
    """Streamed by Django or handed to the reverse proxy; never kept by a cache."""
    answer: HttpResponseBase
    try:
        picture = None if _proxy_can_send(key) else derivatives.open(key)
    except FileUnreadable as unreadable:
        return _unreadable(unreadable)
    except StorageUnavailable as unavailable:
        return unavailable_response(unavailable)
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
