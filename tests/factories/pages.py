"""Pages as a browser reads them."""

import re

from django.http import HttpResponse

from tests.factories.responses import ClientResponse


def collapsed(page: HttpResponse | ClientResponse) -> str:
    """The text of an HTML page in which every run of whitespace is one blank, so that line breaks do not matter."""
    return " ".join(page.content.decode().split())


def without_numbers(html: str) -> str:
    """The page without what differs between any two ordinary items: numbers, tokens, the viewer's own name."""
    html = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", html)
    return re.sub(r"[\d.]+", "#", html)
