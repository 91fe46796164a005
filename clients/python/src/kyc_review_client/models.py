"""What the API answers. Fields that it adds later are ignored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

Model = TypeVar("Model")


def known(kind: type[Model], data: Mapping[str, Any], **read: Any) -> Model:
    """The fields of `kind` in `data`, with those in `read` in place of the raw ones."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in {**data, **read}.items() if name in names})


def moment(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def instant(text: str) -> datetime:
    """Python 3.9 reads no `Z`, and fractions of three or six digits only."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass(frozen=True)
class Reason:
    """Why a submission has its result."""

    code: str
    detail: str
    retry: bool
    applicant_text: str


@dataclass(frozen=True)
class Check:
    """One check of the picture."""

    name: str
    status: str
    measure: str | None
    unit: str | None
    value: float | None
    limit: float | None
    code: str | None
    action: str | None


@dataclass(frozen=True)
class Submission:
    """`status`: received, scoring, in_review, completed or cancelled; `result`: clear, rejected or resubmit."""

    id: str
    external_ref: str
    applicant_ref: str
    metadata: Mapping[str, Any]
    status: str
    result: str | None
    reasons: tuple[Reason, ...]
    checks: tuple[Check, ...]
    test: bool
    sha256: str
    reference_sha256: str | None
    received_at: datetime
    completed_at: datetime | None
    updated_at: datetime

    @property
    def is_final(self) -> bool:
        return self.status in ("completed", "cancelled")

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Submission:
        return known(
            cls,
            data,
            reasons=tuple(known(Reason, one) for one in data["reasons"]),
            checks=tuple(known(Check, one) for one in data["checks"]),
            received_at=instant(data["received_at"]),
            completed_at=moment(data["completed_at"]),
            updated_at=instant(data["updated_at"]),
        )


@dataclass(frozen=True)
class Outcome:
    """What was learned of an applicant later: confirmed_fraud or confirmed_genuine."""

    submission: str
    outcome: str
    note: str
    reported_at: datetime

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Outcome:
        return known(cls, data, reported_at=instant(data["reported_at"]))


@dataclass(frozen=True)
class Limits:
    requests_per_minute: int
    image_bytes: int
    image_pixels: int
    form_bytes: int
    json_bytes: int


@dataclass(frozen=True)
class Key:
    """The key in use and what it may do."""

    integration: str
    test: bool
    key: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    expires_at: datetime | None
    limits: Limits

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Key:
        return known(
            cls,
            data,
            scopes=tuple(data["scopes"]),
            networks=tuple(data["networks"]),
            expires_at=moment(data["expires_at"]),
            limits=known(Limits, data["limits"]),
        )


@dataclass(frozen=True)
class EventData:
    """`id` is the submission or, of `endpoint.disabled`, the endpoint. `external_ref` is there in messages to an
    endpoint that asks for it.
    """

    id: str
    status: str
    result: str | None
    reason: str | None
    checks: tuple[str, ...]
    is_test: bool
    external_ref: str | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened. `data` is None for `webhook.test`, which is about no submission."""

    id: str
    type: str
    timestamp: datetime
    data: EventData | None

    @classmethod
    def of(cls, data: Mapping[str, Any], event_id: str) -> Event:
        told = data["data"]
        about = known(EventData, told, checks=tuple(told["checks"])) if "status" in told else None
        return cls(event_id, data["type"], instant(data["timestamp"]), about)


@dataclass(frozen=True)
class Erasure:
    """Ids of the submissions that one request erased, and of those that it could not; repeat it while `has_more`."""

    erased: tuple[str, ...]
    failed: tuple[str, ...]
    has_more: bool

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Erasure:
        return known(cls, data, erased=tuple(data["erased"]), failed=tuple(data["failed"]))


@dataclass(frozen=True)
class WebhookEndpoint:
    """`secret` is there only in the answer that creates the endpoint. `trouble`: why it is paused or off, in words."""

    id: str
    url: str
    description: str
    events: tuple[str, ...]
    include_external_ref: bool
    active: bool
    disabled_reason: str
    failing_since: datetime | None
    failures: int
    paused_until: datetime | None
    test: bool
    created_at: datetime
    disabled_at: datetime | None = None
    trouble: str = ""
    secret: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> WebhookEndpoint:
        return known(
            cls,
            data,
            events=tuple(data["events"]),
            failing_since=moment(data["failing_since"]),
            paused_until=moment(data["paused_until"]),
            disabled_at=moment(data.get("disabled_at")),
            created_at=instant(data["created_at"]),
        )


@dataclass(frozen=True)
class Delivery:
    """A message to an endpoint; `state`: pending, sending, delivered or dead."""

    id: str
    webhook_id: str
    event: str
    submission: str | None
    state: str
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Delivery:
        return known(
            cls,
            data,
            created_at=instant(data["created_at"]),
            next_attempt_at=moment(data["next_attempt_at"]),
            finished_at=moment(data["finished_at"]),
            attempts=tuple(data["attempts"]),
        )
