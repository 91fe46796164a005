"""Small files with many pixels, sent faster than they can be decoded, are refused before they cost anything else."""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.urls import reverse

from detection import decoding
from kyc_review.core import problems
from kyc_review.core.problems import Problem
from kyc_review.submissions.api.creating import busy

# A larger body takes the usual way, because only the caller's key entitles it to be read.
PEEKED_BYTES: Final = 64_000


class RefuseWhenFull:
    """Middleware: answers 503 for a post whose picture no decoder can take now.

    It stands before sessions, keys and the views, so that a refusal costs half of what it costs there: the probe
    /livez waits for the same interpreter.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if decoding.is_loaded() and self._is_small_form(request):
            image = _image(request)
            if image is not None and not decoding.has_room(image):
                return _answer(busy())
        return self.get_response(request)

    def _is_small_form(self, request: HttpRequest) -> bool:
        """Only a body of a stated length: a chunked one is counted while it is read (`core.parsers`)."""
        length = str(request.META.get("CONTENT_LENGTH") or "")
        return (
            request.method == "POST"
            and request.path_info == reverse("submissions")
            and request.content_type == "multipart/form-data"
            and length.isdigit()
            and int(length) <= PEEKED_BYTES
        )


def _answer(problem: Problem) -> HttpResponse:
    """With its length, which Django's middleware adds to other answers."""
    response = JsonResponse(
        problems.document(problem),
        status=problem.status_code,
        headers=problem.headers,
        content_type=problems.CONTENT_TYPE,
    )
    response["Content-Length"] = str(len(response.content))
    return response


def _image(request: HttpRequest) -> bytes | None:
    """The picture of the form; None for a form without one, or one that the view has to refuse."""
    handler = MemoryFileUploadHandler(request)
    handler.activated = True
    try:
        _, files = MultiPartParser(request.META, BytesIO(request.body), [handler], request.encoding).parse()
    except (MultiPartParserError, OSError):
        return None
    image = files.get("image")
    return None if image is None else image.read()
