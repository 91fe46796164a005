"""The outbox: events are written in the transaction of the change they describe."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from kyc_review.core.wake import WEBHOOKS
from kyc_review.webhooks.backoff import GIVE_UP_AFTER
from kyc_review.webhooks.models import Delivery, DisabledReason, Endpoint, Event, Kind


class SubmissionFacts(TypedDict):
    """What an event says of a submission, and whose it is."""

    id: uuid.UUID
    integration_id: int
    is_test: bool
    state: str
    result: str
    result_reason: str
    checks: list[str]  # codes of the checks from which something followed


@transaction.atomic(savepoint=False)  # the caller's transaction has no use for half of it
def events_write(*, facts: Sequence[SubmissionFacts], kind: str) -> None:
    """Write an event for each submission, for the feed, and a delivery to each endpoint that listens."""
    kind = Kind(kind).value
    listening: dict[tuple[int, bool], list[Endpoint]] = {}
    for endpoint in Endpoint.objects.filter(
        integration__in={row["integration_id"] for row in facts},
        is_active=True,
        deleted_at=None,
        kinds__contains=[kind],
    ):
        listening.setdefault((endpoint.integration_id, endpoint.is_test), []).append(endpoint)
    now = timezone.now()
    told = [
        (_event(row, kind, now), listening.get((row["integration_id"], row["is_test"]), [])) for row in facts
    ]
    Event.objects.bulk_create(event for event, _ in told)
    deliveries = [
        Delivery(event=event, endpoint=endpoint, gives_up_at=Now() + GIVE_UP_AFTER)
        for event, endpoints in told
        for endpoint in endpoints
    ]
    if not deliveries:
        return
    Delivery.objects.bulk_create(deliveries)
    transaction.on_commit(WEBHOOKS.send)


@transaction.atomic
def endpoint_disabled_write(*, endpoint: Endpoint, reason: DisabledReason) -> None:
    """The event for the feed and for the integration's other endpoints of this mode; the caller has switched it off.

    Its facts have the names and types of those of a submission, so that programs which know only those can read it.
    """
    now = timezone.now()
    facts: dict[str, Any] = {
        "id": str(endpoint.pk),
        "status": "disabled",
        "result": None,
        "reason": reason.value,
        "checks": [],
        "is_test": endpoint.is_test,
    }
    event = Event.objects.create(
        integration_id=endpoint.integration_id,
        kind=Kind.DISABLED,
        payload=payload_of(Kind.DISABLED.value, now, facts),
        created_at=Now(),
    )
    others = Endpoint.objects.filter(
        integration=endpoint.integration_id,
        is_test=endpoint.is_test,
        is_active=True,
        deleted_at=None,
        kinds__contains=[Kind.DISABLED.value],
    )
    Delivery.objects.bulk_create(
        Delivery(event=event, endpoint=other, gives_up_at=Now() + GIVE_UP_AFTER) for other in others
    )
    transaction.on_commit(WEBHOOKS.send)


def _event(row: SubmissionFacts, kind: str, now: datetime) -> Event:
    return Event(
        integration_id=row["integration_id"],
        submission_id=row["id"],
        kind=kind,
        payload=payload_of(
            kind,
            now,
            {
                "id": str(row["id"]),
                "status": row["state"],
                "result": row["result"] or None,
                "reason": row["result_reason"] or None,
                "checks": row["checks"],
                "is_test": row["is_test"],
            },
        ),
        created_at=Now(),  # the database's clock, by which `feed` knows what may still be committed
    )


def payload_of(kind: str, at: datetime, facts: dict[str, Any]) -> dict[str, Any]:
    """Thin: an identifier and codes. References and whatever else may name a person are fetched with a key."""
    return {"type": kind, "timestamp": at.isoformat(timespec="milliseconds"), "data": facts}
