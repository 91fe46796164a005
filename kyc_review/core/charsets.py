"""Requests are UTF-8, as RFC 8259 demands of JSON and as browsers send forms.

Python also "decodes" hexadecimal, ROT13 and compressed data, so the name that a client sends is not handed to it.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from kyc_review.core import problems
from kyc_review.core.api_paths import PREFIX

UTF8 = ("", "utf-8", "utf8", "us-ascii", "ascii")


class Utf8Only:
    """Middleware: the API refuses another charset; pages read what they get as UTF-8."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "").strip("\"' ").lower()
        if charset not in UTF8:
            request.encoding = "utf-8"
            if request.path_info.startswith(PREFIX):
                return problems.unsupported_charset()
        return self.get_response(request)
