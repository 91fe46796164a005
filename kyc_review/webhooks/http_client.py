"""One POST to a receiver: signed, to an address that was checked, without redirects, within fifteen seconds in all."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from django.utils.translation import gettext_noop
from standardwebhooks import Webhook

from kyc_review.core.stored_texts import stored
from kyc_review.webhooks.ssrf import Address, AddressRefused, resolve, url_check

TIMEOUT_S = 15.0

# Attempts keep these.
REDIRECT = stored(gettext_noop("Redirects are not followed; register the final URL."))
CERTIFICATE = stored(gettext_noop("The certificate was refused: %(reason)s"))
LATE = stored(gettext_noop("No answer within %(seconds)s s."))
NO_ADDRESS = stored(gettext_noop("The host name has no address."))
NO_ANSWER = stored(gettext_noop("No HTTP answer: %(reason)s"))
NOT_SENT = stored(gettext_noop("The message could not be sent: %(error)s"))
USER_AGENT = "kyc-review-webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer: an HTTP status, or the reason why there is none."""

    status: int | None
    error: str
    elapsed_ms: int
    retry_after_s: float = 0.0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def body_of(payload: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent; equal for every attempt."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=True).encode()


def signed(message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature for each secret. `at` must be in UTC."""
    signatures = [Webhook(secret).sign(message_id, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(url: str, body: bytes, headers: dict[str, str], *, timeout_s: float = TIMEOUT_S) -> Answer:
    """Sends; never raises, because every attempt gets an answer or a reason."""
    started = time.monotonic()
    status, error, retry_after_s = None, "", 0.0
    try:
        status, retry_after_s = _post(url, body, headers, started + timeout_s)
        if 300 <= status < 400:
            error = REDIRECT
    except AddressRefused as refusal:
        error = str(refusal)
    except ssl.SSLCertVerificationError as refusal:
        error = CERTIFICATE % {"reason": refusal.verify_message}
    except (
        Exception
    ) as failure:  # OSError and HTTPException, and what libraries raise for odd names and headers
        late = time.monotonic() - started >= timeout_s
        error = LATE % {"seconds": f"{timeout_s:g}"} if late else _reason(failure)
    return Answer(status, _storable(error)[:300], int((time.monotonic() - started) * 1000), retry_after_s)


def retry_after_s(value: str, *, now: datetime) -> float:
    """The seconds that a `Retry-After` asks for, as a number or as a date; 0 for none, a past or an unreadable one."""
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        at = parsedate_to_datetime(value)
        return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return 0.0


def _storable(text: str) -> str:
    """Without control characters: what a receiver sent may be quoted in it, and the database takes no NUL."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _reason(failure: Exception) -> str:
    if isinstance(failure, socket.gaierror):
        return NO_ADDRESS
    return NO_ANSWER % {"reason": failure or type(failure).__name__}


def _post(url: str, body: bytes, headers: dict[str, str], deadline: float) -> tuple[int, float]:
    """The status, and the seconds of `Retry-After`."""
    parts = url_check(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _resolve_before(deadline, host, port)
    connection = _Pinned(addresses, host, port, secure=parts.scheme == "https", deadline=deadline)
    # A receiver that sends single bytes slowly never triggers a socket timeout; this limits it.
    alarm = threading.Timer(max(0.0, deadline - time.monotonic()), connection.cut)
    alarm.daemon = True
    alarm.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST",
            path,
            body,
            headers | {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Connection": "close"},
        )
        answer = connection.getresponse()  # its body is of no interest and is not read
        return answer.status, retry_after_s(answer.getheader("Retry-After", ""), now=datetime.now(UTC))
    finally:
        alarm.cancel()
        connection.close()


def _resolve_before(deadline: float, host: str, port: int) -> list[Address]:
    """`resolve`, given up at the deadline with a TimeoutError: the system's resolver takes no time-out.

    A thread that was given up ends when the resolver does; nothing reads its result then.
    """
    found: Future[list[Address]] = Future()

    def look_up() -> None:
        try:
            found.set_result(resolve(host, port))
        except Exception as error:  # raised below, in the thread that asks
            found.set_exception(error)

    threading.Thread(target=look_up, name="webhook-resolver", daemon=True).start()
    return found.result(timeout=max(0.0, deadline - time.monotonic()))


class _Pinned(http.client.HTTPConnection):
    """Connects to the checked addresses, even if the name resolves differently now; Host header, SNI and
    certificate name are the URL's host."""

    def __init__(
        self, addresses: list[Address], host: str, port: int, *, secure: bool, deadline: float
    ) -> None:
        super().__init__(host, port)
        self.default_port = 443 if secure else 80  # what the Host header may leave out
        self._addresses, self._secure, self._deadline = addresses, secure, deadline

    def connect(self) -> None:
        self.sock = self._reached()
        if self._secure:
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self.host)

    def _reached(self) -> socket.socket:
        failure: OSError = OSError("the host name has no address")
        for address in self._addresses:
            try:
                return socket.create_connection((str(address), self.port), timeout=self._left())
            except OSError as error:
                failure = error
        raise failure

    def _left(self) -> float:
        return max(0.1, self._deadline - time.monotonic())

    def cut(self) -> None:
        sock = self.sock
        if sock is not None:
            with suppress(OSError):  # closed already
                sock.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
