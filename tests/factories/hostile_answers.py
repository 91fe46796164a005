"""What a broken server, a proxy or somebody hostile may answer to a client."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.factories.clients import SUBMISSION
from tests.factories.scripted_server import Step
from tests.factories.webhook_messages import message


def _raw(status: int, body: bytes, *headers: str) -> Step:
    """Without a length: the end of the connection ends the answer, whole or not."""
    lines = [f"HTTP/1.1 {status} Told", *headers, "Connection: close", "", ""]
    return Step(raw="\r\n".join(lines).encode("latin-1") + body)


def _problem(errors: Any) -> Step:
    return _raw(400, json.dumps({"code": ["x"], "detail": 1, "request_id": {}, "errors": errors}).encode())


def retry_after_date(left_s: int) -> dict[str, str]:
    return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=left_s), usegmt=True)}


# A 2xx that holds no answer of this API: the answer was lost, whatever happened to the request.
UNREADABLE = {
    "html": _raw(202, b"<html>maintenance</html>", "Content-Type: text/html"),
    "torn": _raw(202, json.dumps(SUBMISSION).encode()[:80]),
    "shorter than its length": _raw(202, json.dumps(SUBMISSION).encode()[:80], "Content-Length: 900"),
    "a length that is a lie": _raw(202, b"{", "Content-Length: 99999999999999999999"),
    "empty": _raw(202, b""),
    "null": _raw(202, b"null"),
    "another object": _raw(200, b"{}"),
    "a list": _raw(200, b"[1]"),
    "no UTF-8": _raw(202, b'{"id": "\xff'),
    "deep": _raw(202, b"[" * 100_000),
    "a number of 9000 digits": _raw(202, b"9" * 9000),
    "no gzip": _raw(202, b"{}", "Content-Encoding: gzip"),
    "bad chunks": _raw(202, b"zz\r\n{}", "Transfer-Encoding: chunked"),
    "no HTTP": Step(raw=b"\x00\x01 hello\r\n\r\n"),
}
# An error whose body or headers are no problem document, and its status.
ODD_ERRORS = {
    "null errors": (_problem(None), 400),
    "words for errors": (_problem(["a", None, 1]), 400),
    "an object for errors": (_problem({}), 400),
    "odd error": (_problem([{"detail": None, "pointer": 5}]), 400),
    "deep": (_raw(400, b"[" * 100_000), 400),
    "no UTF-8": (_raw(404, b"\xff\xfe"), 404),
    "superscript Retry-After": (_raw(429, b"{}", "Retry-After: \xb2"), 429),
    "endless Retry-After": (_raw(429, b"{}", "Retry-After: " + "9" * 5000), 429),
    "impossible date": (_raw(503, b"{}", "Retry-After: Sun, 99 Nov 99999 88:77:66 GMT"), 503),
    "past date": (_raw(503, b"{}", "Retry-After: Sunday, 06-Nov-94 08:49:37 GMT"), 503),
    "redirect": (_raw(302, b"", "Location: http://127.0.0.1:9/"), 302),
    "unasked 304": (_raw(304, b""), 304),
    "unknown status": (_raw(799, b"x"), 799),
}

ODD_HEADERS: list[dict[str, Any]] = [
    {"Webhook-Timestamp": "9" * 400},
    {"Webhook-Timestamp": "\u0663"},
    {"Webhook-Timestamp": "nan"},
    {"Webhook-Timestamp": None},
    {"Webhook-Id": "\ud800"},
    {"Webhook-Id": [5]},
    {"Webhook-Signature": "v1,\udcff \u00e9"},
    {"Webhook-Signature": ""},
    {"Webhook-Signature": 5},
]
NO_EVENTS = [
    "",
    "null",
    "[]",
    "{}",
    '{"type": "x"',
    "[" * 50_000,
    message().replace("data", "x"),
    '{"data": null}',
]
NO_SECRETS = ["", "whsec_", "whsec_?", "\u00e9", "whsec_aw=="]
