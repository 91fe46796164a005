"""Requests with retries."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.filepost import encode_multipart_formdata

from kyc_review_client.answers import Answer, Unreadable
from kyc_review_client.deadline import attempt_of, watched_pools
from kyc_review_client.errors import ConnectionFailed, error_of

# Refused before anything happened, so that every request may be repeated.
REFUSED = (429, 503)
# Something may have happened: only what is safe to repeat is repeated.
BROKEN = (500, 502, 504)
IN_FLIGHT = b'"idempotency_key_in_flight"'
FIRST_PAUSE_S = 0.5
LONGEST_ANSWER_BYTES = 256 * 2**20  # far above a picture
PIECE_BYTES = 64 * 1024
try:
    VERSION = version("kyc-review-client")
except PackageNotFoundError:  # run from its sources
    VERSION = "0"


class Transport:
    """`retries`: how often a request is repeated; a Retry-After over `longest_pause_s` is raised, not waited for."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float,
        retries: int,
        longest_pause_s: float,
        ca_certs: str | None,
    ) -> None:
        self._root = url.rstrip("/") + "/api/v1"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "User-Agent": f"kyc-review-client-python/{VERSION}",
        }
        self._retries, self._longest_pause_s, self._timeout_s = retries, longest_pause_s, timeout_s
        self._pool = watched_pools(ca_certs)

    def close(self) -> None:
        self._pool.clear()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        read: Callable[[Any], Any] | None = None,
        hold_s: float = 0,
    ) -> Answer:
        """The answer, 2xx or (with If-None-Match) 304. Raises ApiError, ConnectionFailed.

        `key`: the Idempotency-Key, the same in every repetition. `read`: makes the answer's `value` of its JSON.
        `hold_s`: how long the server may hold the answer back; an attempt may take this much longer.
        """
        sent = {**self._headers, **(headers or {})}
        body: bytes | None = None
        if key is not None:
            sent["Idempotency-Key"] = key
        if form is not None:
            body, sent["Content-Type"] = encode_multipart_formdata(form)
        elif data is not None:
            body, sent["Content-Type"] = json.dumps(data).encode(), "application/json"
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        if hold_s > 0:
            asked["wait"] = str(round(hold_s, 3))
        address = self._root + path + ("?" + urlencode(asked) if asked else "")
        may_repeat = method in ("GET", "DELETE") or key is not None
        attempt = 0
        while True:
            answer, failure = self._once(method, address, sent, body, self._timeout_s + max(0, hold_s), read)
            pause_s = self._pause_s(attempt, answer)
            if (
                attempt >= self._retries
                or not _is_passing(answer, may_repeat)
                or pause_s > self._longest_pause_s
            ):
                break
            time.sleep(pause_s)
            attempt += 1
        if answer is None:
            raise ConnectionFailed(f"{method} {path}: {failure}") from failure
        if answer.status >= 300 and not _is_unchanged(answer, sent):
            raise error_of(answer.status, answer.body, answer.retry_after_s)
        return answer

    def _once(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        read: Callable[[Any], Any] | None,
    ) -> tuple[Answer | None, Exception | None]:
        found = None
        try:
            with attempt_of(timeout_s) as attempt:
                found = self._pool.request(
                    method,
                    address,
                    headers=headers,
                    body=body,
                    timeout=urllib3.Timeout(total=timeout_s),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                answer = Answer(found.status, found.headers, _content(found))
            if attempt.is_late:  # an answer without a length looks complete when its connection ends
                raise TimeoutError(f"no complete answer after {timeout_s:g} s")
            if 200 <= answer.status < 300:
                answer.read(read)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, Unreadable) as failure:
            if found is not None:
                found.close()
            if attempt.is_late and not isinstance(failure, TimeoutError):
                failure = TimeoutError(f"no complete answer after {timeout_s:g} s")
            return None, failure
        return answer, None

    def _pause_s(self, attempt: int, answer: Answer | None) -> float:
        told = None if answer is None else answer.retry_after_s
        if told is not None:
            return told
        longest_s: float = min(FIRST_PAUSE_S * 2**attempt, self._longest_pause_s)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311


def _is_passing(answer: Answer | None, may_repeat: bool) -> bool:
    """Whether the same request may succeed later."""
    if answer is None or answer.status in BROKEN:
        return may_repeat
    if answer.status == 409:  # the first attempt, whose answer was lost, is still being worked on
        return may_repeat and IN_FLIGHT in answer.body
    return answer.status in REFUSED


def _is_unchanged(answer: Answer, sent: Mapping[str, str]) -> bool:
    return answer.status == 304 and "If-None-Match" in sent


def _content(found: urllib3.BaseHTTPResponse) -> bytes:
    """In pieces: neither a length that is a lie nor a body that expands takes more memory than this."""
    pieces, size = [], 0
    for piece in found.stream(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER_BYTES:
            raise Unreadable(f"{found.status} with more than {LONGEST_ANSWER_BYTES} bytes")
    return b"".join(pieces)
