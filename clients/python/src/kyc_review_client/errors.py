"""What can go wrong, as types. Act on `code`; show `detail` to a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class KycReviewError(Exception):
    """Every error of this package."""


class ConnectionFailed(KycReviewError):
    """The server was not reached, or its answer did not arrive whole or was not this API's, after all retries."""


class WaitTimeout(KycReviewError):
    """There is no result yet; a person may take longer. Ask again, or use a webhook."""


class WebhookInvalid(KycReviewError):
    """The message was not signed with this secret, was changed, is too old or is no event; or the secret is not one.

    Do not act on it; answer 401.
    """


@dataclass(frozen=True)
class FieldError:
    """What one field of the body (`pointer`) or one query `parameter` has wrong."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ApiError(KycReviewError):
    """The server refused a request (a problem document, RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.code = _text(problem.get("code")) or "unknown"
        self.detail = _text(problem.get("detail")) or ""
        self.request_id: str | None = _text(problem.get("request_id"))
        self.retry_after_s = retry_after_s
        listed = problem.get("errors")
        self.errors = tuple(
            FieldError(_text(one.get("detail")) or "", _text(one.get("pointer")), _text(one.get("parameter")))
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict)
        )
        named = "; ".join(f"{one.pointer or one.parameter}: {one.detail}" for one in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail}" + (f" ({named})" if named else ""))


class InvalidRequest(ApiError):
    """400, 413, 415 or 422: repeating it changes nothing; `errors` and `code` say what to change."""


class NotAuthenticated(ApiError):
    """401: the key is missing, unknown, expired, revoked or not for this address."""


class PermissionDenied(ApiError):
    """403: the key lacks the scope."""


class NotFound(ApiError):
    """404: there is none, or it belongs to another integration."""


class Conflict(ApiError):
    """409: the state does not allow this; `code` says why."""


class Erased(ApiError):
    """410: the submission was erased; delete your copy too."""


class RateLimited(ApiError):
    """429, after all retries."""


class Unavailable(ApiError):
    """5xx, after all retries."""


KINDS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    410: Erased,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}


def error_of(status: int, body: bytes, retry_after_s: float | None) -> ApiError:
    """A proxy in between may answer something that is no problem document."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    kind = KINDS.get(status, Unavailable if status >= 500 else ApiError)
    return kind(status, problem if isinstance(problem, dict) else {}, retry_after_s)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
