"""Delivery, in the default worker: lease due messages, send them, record the answers.

Rows are the truth: if a process dies, its lease expires and the message is sent again. So a receiver may get
a message twice but never loses one; it recognises repetitions by `webhook-id`.
"""

import logging
import threading
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from kyc_review.core import leases, tracing
from kyc_review.core.db.clock import database_now
from kyc_review.core.instruments import Step, step_ended
from kyc_review.core.stopping import is_stopping
from kyc_review.core.wake import WEBHOOKS
from kyc_review.webhooks.backoff import next_attempt_at
from kyc_review.webhooks.endpoint_health import endpoint_disable, failure_note, success_note
from kyc_review.webhooks.http_client import NOT_SENT, TIMEOUT_S, Answer, body_of, post, signed
from kyc_review.webhooks.models import Attempt, Delivery, DisabledReason
from kyc_review.webhooks.sandbox import webhook_fails
from kyc_review.webhooks.secret_encryption import SealBroken, unseal
from kyc_review.webhooks.turns import AT_ONCE, due_in_turns

log = logging.getLogger(__name__)
HOLDER = leases.process_holder()
LEASE_S = 60  # four times the longest attempt
POLL_S = 0.5
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
    traceparent: str = ""


def deliver_until_idle(*, timeout_s: float = TIMEOUT_S) -> int:
    """Deliver until nothing is due; returns the number of attempts. One run per process; a second returns at once.

    A worker that is told to stop begins no further message and waits for those in flight, at most `timeout_s`.
    """
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
            free = 0 if is_stopping() else AT_ONCE - len(in_work)
            for message in lease_messages(limit=free):
                in_work[pool.submit(send, message, timeout_s)] = message
            if not in_work:
                return done
            for future in wait(in_work, timeout=POLL_S, return_when=FIRST_COMPLETED).done:
                _record_safely(in_work.pop(future), future)
                done += 1


def _record_safely(message: Message, attempt: Future[Answer]) -> None:
    """Record the attempt whatever fails, so that one message costs no other its answer.

    What could not be recorded is sent again when its lease ends.
    """
    try:
        answer = attempt.result()
    except Exception as error:
        with tracing.logged(message.traceparent):
            log.exception("the attempt to deliver %s failed", message.delivery_id)
        answer = Answer(None, NOT_SENT % {"error": type(error).__name__}, 0)
    step_ended(Step.WEBHOOK, answer.elapsed_ms / 1000, failures=not answer.is_success)
    try:
        attempt_record(delivery_id=message.delivery_id, answer=answer)
    except Exception:
        with tracing.logged(message.traceparent):
            log.exception("the attempt to deliver %s could not be recorded", message.delivery_id)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def send(message: Message, timeout_s: float = TIMEOUT_S) -> Answer:
    if message.problem:
        return Answer(None, message.problem, 0)
    headers = signed(message.message_id, datetime.now(UTC), message.body, message.secrets)
    with tracing.span("POST webhook", kind=tracing.Kind.CLIENT, parent=message.traceparent) as current:
        if own := tracing.traceparent():
            headers[tracing.HEADER] = own
        answer = post(message.url, message.body, headers, timeout_s=timeout_s)
        if current is not None and answer.status is not None:
            current.set_attribute("http.response.status_code", answer.status)
        if not answer.is_success:
            tracing.fail(current)
        return answer


@transaction.atomic
def lease_messages(*, limit: int, holder: str = HOLDER) -> list[Message]:
    """Lease up to `limit` due deliveries, in the endpoints' turns and within their shares (`turns`)."""
    if limit <= 0:
        return []
    chosen = due_in_turns(limit=limit)
    if not chosen:
        return []
    now = database_now()
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("event__submission", "endpoint")
        # Again: another worker may have finished a row since the list was read.
        .filter(leases.due(Delivery.State.PENDING, Delivery.State.SENDING), pk__in=chosen)
    )
    rows.sort(key=lambda row: chosen.index(row.pk))
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
        body=body_of(_payload(row)),
        secrets=tuple(secrets),
        problem=problem,
        traceparent=row.event.submission.traceparent if row.event.submission else "",
    )


def _payload(row: Delivery) -> dict[str, Any]:
    """The event's, with the caller's reference where the endpoint asks for it: null once it was erased."""
    payload, submission = row.event.payload, row.event.submission
    if not row.endpoint.with_external_ref or submission is None:
        return payload
    return payload | {"data": payload["data"] | {"external_ref": submission.external_ref or None}}


def attempt_record(*, delivery_id: uuid.UUID, answer: Answer, holder: str = HOLDER) -> None:
    """Record the attempt, settle the delivery (delivered, due again, or given up), and note what it says of the
    endpoint.

    Two transactions: each locks one row, so workers that record attempts of one endpoint never wait in a circle.
    """
    now = database_now()
    endpoint_id = _settle(delivery_id, answer, holder, now)
    if endpoint_id is None:
        return
    if answer.is_success:
        success_note(endpoint_id=endpoint_id)
        return
    failure_note(endpoint_id=endpoint_id, now=now, asked_s=answer.retry_after_s)
    if answer.status == GONE:
        endpoint_disable(endpoint_id=endpoint_id, reason="It answered 410 Gone.", because=DisabledReason.GONE)


@transaction.atomic
def _settle(delivery_id: uuid.UUID, answer: Answer, holder: str, now: datetime) -> uuid.UUID | None:
    """The endpoint of which the attempt says something; None for a late failure.

    A success counts even if another worker holds the lease now. A failure after the lease ran out changes
    nothing: it belongs to another worker, or the endpoint was switched off.
    """
    row = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
    if row is None:
        return None
    Attempt.objects.create(
        delivery=row, at=now, status=answer.status, error=answer.error, elapsed_ms=answer.elapsed_ms
    )
    if not answer.is_success and (row.state != Delivery.State.SENDING or row.lease_holder != holder):
        return None
    row.lease_holder = ""
    again = next_attempt_at(
        now, attempts_made=row.attempts_made, gives_up_at=row.gives_up_at, asked_s=answer.retry_after_s
    )
    if answer.is_success:
        row.state, row.finished_at = Delivery.State.DELIVERED, now
    elif answer.status == GONE or again is None:
        row.state, row.finished_at = Delivery.State.DEAD, now
    else:
        row.state, row.due_at = Delivery.State.PENDING, again
    row.save(update_fields=["state", "lease_holder", "due_at", "finished_at"])
    return row.endpoint_id
