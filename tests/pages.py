"""Pages as a browser reads them."""

from django.http import HttpResponse


def collapsed(page: HttpResponse) -> str:
    """The text of an HTML page in which every run of whitespace is one blank, so that line breaks do not matter."""
    return " ".join(page.content.decode().split())
