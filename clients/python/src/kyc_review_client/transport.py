"""Requests with retries."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.filepost import encode_multipart_formdata

from kyc_review_client.errors import ConnectionFailed, error_of

# Refused before anything happened, so that every request may be repeated.
REFUSED = (429, 503)
# Something may have happened: only what is safe to repeat is repeated.
BROKEN = (500, 502, 504)
IN_FLIGHT = b'"idempotency_key_in_flight"'
FIRST_PAUSE_S = 0.5
try:
    VERSION = version("kyc-review-client")
except PackageNotFoundError:  # run from its sources
    VERSION = "0"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


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
        self._pool = urllib3.PoolManager(ca_certs=ca_certs)

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
    ) -> Answer:
        """The answer, 2xx or 304. `key`: the Idempotency-Key, the same in every repetition.

        Raises ApiError, ConnectionFailed.
        """
        sent = {**self._headers, **(headers or {})}
        body: bytes | None = None
        if key is not None:
            sent["Idempotency-Key"] = key
        if form is not None:
            body, sent["Content-Type"] = encode_multipart_formdata(form)
        elif data is not None:
            body, sent["Content-Type"] = json.dumps(data).encode(), "application/json"
        may_repeat = method in ("GET", "DELETE") or key is not None
        attempt = 0
        while True:
            answer, failure = self._once(method, path, query, sent, body)
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
        if answer.status >= 300 and answer.status != 304:
            raise error_of(answer.status, answer.body, _retry_after_s(answer))
        return answer

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> tuple[Answer | None, Exception | None]:
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        address = self._root + path + ("?" + urlencode(asked) if asked else "")
        try:
            found = self._pool.request(
                method,
                address,
                headers=headers,
                body=body,
                timeout=self._timeout_s,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            return None, failure
        return Answer(found.status, found.headers, found.data), None

    def _pause_s(self, attempt: int, answer: Answer | None) -> float:
        told = None if answer is None else _retry_after_s(answer)
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


def _retry_after_s(answer: Answer) -> float | None:
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else None
