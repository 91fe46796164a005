"""What answers say of an address, or of a way to use it, that will be removed."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.http import http_date
from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Deprecated:
    """`since`: when it was deprecated; `ends`: after that it may stop working (docs/api.md promises a year).

    `successor` is the URL name of what to use instead.
    """

    since: datetime
    ends: datetime
    successor: str

    def headers(self, request: Request) -> dict[str, str]:
        """`Deprecation` (RFC 9745), `Sunset` (RFC 8594), and a link to the successor (RFC 5829)."""
        address = request.build_absolute_uri(reverse(self.successor))
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.ends.timestamp()),
            "Link": f'<{address}>; rel="successor-version"',
        }
