"""Addresses of the API as clients write them: with a slash at the end, or a UUID in capitals."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PREFIX = "/api/"
UUID_SEGMENT = re.compile(r"(?<=/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/|$)", re.IGNORECASE)


class ApiPaths:
    """Middleware: such an address finds its resource without a redirect, which would lose the body of a POST."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(PREFIX):
            request.path_info = canonical(request.path_info)
        return self.get_response(request)


def canonical(path: str) -> str:
    """The path as the URLs have it: no slash at the end, UUIDs in small letters (RFC 9562 reads either)."""
    return UUID_SEGMENT.sub(lambda found: found[0].lower(), path.removesuffix("/"))
