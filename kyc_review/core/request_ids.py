"""Request ids: the caller's own or a new one, returned in the answer, in problem documents and in every log
line.

django-structlog would do half of it: it takes any text for an id, does not return it, and asks for the session's
user in every request, also in those with a key.
"""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
# What is copied into logs and headers must not be able to forge a line of either.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,100}")


class RequestIds:
    """Middleware; the outermost, so that all others' log lines and answers have the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get(HEADER, "")
        name = sent if ACCEPTED.fullmatch(sent) else uuid.uuid4().hex
        clear_contextvars()  # the thread's last request may have left something
        bind_contextvars(request_id=name)
        response = self.get_response(request)
        response[HEADER] = name
        return response


def current() -> str:
    """The id of the request that this thread answers; empty outside of one."""
    return str(get_contextvars().get("request_id", ""))
