"""One log line for each request: who asked from where for what, and what came of it.

The path is logged without the query string, which may hold references of applicants; headers and bodies are never
logged. `kyc_review/core/logs.py` escapes what could forge a line.
"""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.models import User

PROBES = ("/livez", "/readyz", "/static/")

log = logging.getLogger("kyc_review.requests")


class RequestLog:
    """Middleware; inside of `RequestIds`. All lines of the request have the address, this one also who asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        bind_contextvars(address=client_address(request))
        response = self.get_response(request)
        if not request.path.startswith(PROBES):
            said: dict[str, object] = {
                "status": response.status_code,
                "elapsed_ms": round((time.perf_counter() - began) * 1000, 1),
            }
            level = logging.WARNING if response.status_code >= 500 else logging.INFO
            text = (request.method, request.path, response.status_code)
            log.log(level, "%s %s %d", *text, extra=said | who(request))
        return response


def who(request: HttpRequest) -> dict[str, str]:
    """`key`: the prefix of the API key or personal token. `user`: the person, where the request has loaded them.

    Asks the database nothing: requests with a key never load a session, and `request.user` may not be loaded yet.
    """
    found = {}
    if prefix := getattr(getattr(request, "auth", None), "prefix", ""):
        found["key"] = str(prefix)
    known = request.__dict__
    for person in (known.get("user"), known.get("_cached_user")):
        if type(person) is User:  # isinstance() would load the session's user
            return found | {"user": person.get_username()}
    return found
