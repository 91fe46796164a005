"""Request ids: the caller's own or a new one, returned in the answer, in problem documents and in every log
line.

django-structlog would do half of it: it takes any text for an id, does not return it, and asks for the session's
user in every request, also in those with a key.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
# What is copied into logs and headers must not be able to forge a line of either.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,100}")
PROBES = ("/livez", "/readyz", "/static/")

log = logging.getLogger("kyc_review.requests")


class RequestIds:
    """Middleware; the outermost, so that all others' log lines and answers have the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        sent = request.headers.get(HEADER, "")
        name = sent if ACCEPTED.fullmatch(sent) else uuid.uuid4().hex
        clear_contextvars()  # the thread's last request may have left something
        bind_contextvars(request_id=name)
        response = self.get_response(request)
        response[HEADER] = name
        if not request.path.startswith(PROBES):
            elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
            level = logging.WARNING if response.status_code >= 500 else logging.INFO
            log.log(
                level,
                "%s %s %d",
                request.method,
                request.path,
                response.status_code,
                extra={"status": response.status_code, "elapsed_ms": elapsed_ms},
            )
        return response


def current() -> str:
    """The id of the request that this thread answers; empty outside of one."""
    return str(get_contextvars().get("request_id", ""))
