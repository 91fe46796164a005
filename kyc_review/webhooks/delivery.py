"""Delivery, in the default worker: lease due messages, send them, record the answers.

Rows are the truth: if a process dies, its lease expires and the message is sent again. So a receiver may get
a message twice but never loses one; it recognises repetitions by `webhook-id`.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from django.db import transaction
from django.db.models import Case, F, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from kyc_review.audit import services as audit
from kyc_review.core import leases
from kyc_review.core.wake import WEBHOOKS
from kyc_review.webhooks.backoff import next_attempt_at
from kyc_review.webhooks.http_client import TIMEOUT_S, Answer, body_of, post, signed
from kyc_review.webhooks.models import Attempt, Delivery, Endpoint
from kyc_review.webhooks.sandbox import webhook_fails
from kyc_review.webhooks.secret_encryption import SealBroken, unseal

HOLDER = leases.process_holder()
LEASE_S = 60  # four times the longest attempt
AT_ONCE = 8
# One receiver that does not answer must not delay the others.
AT_ONCE_PER_ENDPOINT = 3
NONE_IN_FLIGHT: Mapping[uuid.UUID, int] = MappingProxyType({})
GONE = 410

_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Message:
    """The input of a sender thread, which never uses the database."""

    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...]
    problem: str = ""


def deliver_until_idle(*, timeout_s: float = TIMEOUT_S) -> int:
    """Deliver until nothing is due; returns the number of attempts. One run per process; a second returns at once."""
    if not _alone.acquire(blocking=False):
        return 0
    try:
        WEBHOOKS.acknowledge()
        return _deliver(timeout_s)
    finally:
        _alone.release()


def _deliver(timeout_s: float) -> int:
    in_work: dict[Future[Answer], Message] = {}
    done = 0
    with ThreadPoolExecutor(AT_ONCE, "webhook") as pool:
        while True:
            busy = Counter(message.endpoint_id for message in in_work.values())
            for message in lease_messages(limit=AT_ONCE - len(in_work), in_flight=busy):
                in_work[pool.submit(send, message, timeout_s)] = message
            if not in_work:
                return done
            for future in wait(in_work, timeout=1.0, return_when=FIRST_COMPLETED).done:
                attempt_record(delivery_id=in_work.pop(future).delivery_id, answer=future.result())
                done += 1


def send(message: Message, timeout_s: float = TIMEOUT_S) -> Answer:
    if message.problem:
        return Answer(None, message.problem, 0)
    headers = signed(message.message_id, datetime.now(UTC), message.body, message.secrets)
    return post(message.url, message.body, headers, timeout_s=timeout_s)


@transaction.atomic
def lease_messages(
    *, limit: int, in_flight: Mapping[uuid.UUID, int] = NONE_IN_FLIGHT, holder: str = HOLDER
) -> list[Message]:
    """Lease up to `limit` due deliveries, of each endpoint at most AT_ONCE_PER_ENDPOINT less those `in_flight`."""
    if limit <= 0:
        return []
    now = timezone.now()
    left = Case(
        *(When(endpoint=pk, then=Value(AT_ONCE_PER_ENDPOINT - number)) for pk, number in in_flight.items()),
        default=Value(AT_ONCE_PER_ENDPOINT),
    )
    due = (
        Delivery.objects.filter(
            leases.due(Delivery.State.PENDING, Delivery.State.SENDING), endpoint__is_active=True
        )
        .annotate(rank=Window(RowNumber(), partition_by=F("endpoint"), order_by=["due_at", "pk"]), left=left)
        .filter(rank__lte=F("left"))
        .order_by("due_at")
        .values_list("pk", flat=True)
    )
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("event__submission", "endpoint")
        # Again: another worker may have taken or finished a row since the list above was read.
        .filter(leases.due(Delivery.State.PENDING, Delivery.State.SENDING), pk__in=list(due[:limit]))
        .order_by("due_at")
    )
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Delivery.State.SENDING,
        **leases.taken(holder, lease_s=LEASE_S),
        attempts_made=F("attempts_made") + 1,
    )
    return [_message(row, now) for row in rows]


def _message(row: Delivery, now: datetime) -> Message:
    endpoint, problem, secrets = row.endpoint, "", []
    try:
        secrets.append(unseal(endpoint.secret))
        expires_at = endpoint.previous_secret_expires_at
        if endpoint.previous_secret and expires_at is not None and expires_at > now:
            secrets.append(unseal(endpoint.previous_secret))
    except SealBroken as broken:
        problem = str(broken)
    tested = row.event.submission if endpoint.is_test else None
    if tested and webhook_fails(tested.external_ref, attempts_made=row.attempts_made):
        problem = "The sandbox fails the first attempt of this submission on purpose."
    return Message(
        delivery_id=row.pk,
        endpoint_id=endpoint.pk,
        url=endpoint.url,
        message_id=row.event.message_id,
        body=body_of(row.event.payload),
        secrets=tuple(secrets),
        problem=problem,
    )


@transaction.atomic
def attempt_record(*, delivery_id: uuid.UUID, answer: Answer, holder: str = HOLDER) -> None:
    """Record the attempt and settle the delivery: delivered, due again, or given up.

    A success counts even if another worker holds the lease now. A failure after the lease ran out changes
    nothing: it belongs to another worker, or the endpoint was switched off.
    """
    row = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
    if row is None:
        return
    now = timezone.now()
    Attempt.objects.create(
        delivery=row, at=now, status=answer.status, error=answer.error, elapsed_ms=answer.elapsed_ms
    )
    if not answer.is_success and (row.state != Delivery.State.SENDING or row.lease_holder != holder):
        return
    row.lease_holder = ""
    again = next_attempt_at(now, attempts_made=row.attempts_made, gives_up_at=row.gives_up_at)
    if answer.is_success:
        row.state, row.finished_at = Delivery.State.DELIVERED, now
    elif answer.status == GONE or again is None:
        row.state, row.finished_at = Delivery.State.DEAD, now
    else:
        row.state, row.due_at = Delivery.State.PENDING, again
    row.save(update_fields=["state", "lease_holder", "due_at", "finished_at"])
    if answer.status == GONE:
        endpoint_disable(endpoint_id=row.endpoint_id, reason="It answered 410 Gone.")


@transaction.atomic
def endpoint_disable(*, endpoint_id: uuid.UUID, reason: str) -> None:
    """Stop sending. Pending deliveries are given up and can be replayed when the endpoint is active again."""
    if not Endpoint.objects.filter(pk=endpoint_id, is_active=True).update(
        is_active=False, disabled_reason=reason
    ):
        return
    Delivery.objects.filter(endpoint=endpoint_id, finished_at=None).update(
        state=Delivery.State.DEAD, lease_holder="", finished_at=timezone.now()
    )
    audit.record(action="webhook.disabled", target=Endpoint(pk=endpoint_id), detail={"reason": reason})
