"""Delivery of notices, in the default worker: lease what is due, send it, record the answer.

Rows are the truth, as with webhooks (`webhooks.delivery`): if a process dies, its lease expires and the message is sent
again under the same identifier.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext_noop

from kyc_review.core import leases
from kyc_review.core.db.clock import database_now
from kyc_review.core.instruments import Step, step_ended
from kyc_review.core.stopping import is_stopping
from kyc_review.core.stored_texts import stored
from kyc_review.core.wake import NOTICES
from kyc_review.notices import formats
from kyc_review.notices.models import Channel, Medium, Notice, NoticeDelivery
from kyc_review.notices.outbox import is_eligible
from kyc_review.webhooks.backoff import next_attempt_at
from kyc_review.webhooks.http_client import NOT_SENT, TIMEOUT_S, Answer, body_of, post, signed
from kyc_review.webhooks.secret_encryption import SealBroken, unseal

State = NoticeDelivery.State
log = logging.getLogger(__name__)
HOLDER = leases.process_holder()
LEASE_S = 60  # four times the longest attempt
GATHERED_MAX = 20  # notices in one message
GONE = 410
NO_MAIL_SERVER = stored(gettext_noop("No mail server is configured (EMAIL_URL)."))
NOT_ELIGIBLE = stored(gettext_noop("Its owner may not see retraining any more."))
NOT_TAKEN = stored(gettext_noop("The mail server did not take it: %(error)s"))
GONE_ANSWER = stored(gettext_noop("It answered 410 Gone."))
STATUS = stored(gettext_noop("HTTP status %(status)s"))

_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Batch:
    """Notices for one channel that are sent in one message; a signed webhook carries one."""

    channel: Channel
    deliveries: list[NoticeDelivery]

    @property
    def notices(self) -> list[Notice]:
        return [row.notice for row in self.deliveries]

    @property
    def message_id(self) -> str:
        """An id that depends on channel and notices only, so that a receiver recognises a repetition."""
        keys = " ".join(sorted(f"{row.notice_id}" for row in self.deliveries))
        return hashlib.sha256(f"{self.channel.pk} {keys}".encode()).hexdigest()[:32]


def deliver_until_idle() -> int:
    """Deliver until nothing is due; returns the number of messages. One run per process; a second returns at once."""
    if not _alone.acquire(blocking=False):
        return 0
    try:
        NOTICES.acknowledge()
        done = 0
        while not is_stopping() and (batch := lease_batch()):
            _send_and_record(batch)
            done += 1
        return done
    finally:
        _alone.release()


def _send_and_record(batch: Batch) -> None:
    """Whatever fails, the other channels get theirs; what could not be recorded is sent again when its lease ends."""
    try:
        answer = send(batch)
    except Exception as error:
        log.exception("a message to the channel %s could not be sent", batch.channel.pk)
        answer = Answer(None, NOT_SENT % {"error": type(error).__name__}, 0)
    step_ended(Step.NOTICE, answer.elapsed_ms / 1000, failures=not answer.is_success)
    try:
        batch_record(batch, answer)
    except Exception:
        log.exception("a message to the channel %s could not be recorded", batch.channel.pk)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


@transaction.atomic
def lease_batch(*, holder: str = HOLDER) -> Batch | None:
    """What is due longest, together with what waits for the same channel; None when nothing is due."""
    due = leases.due(State.PENDING, State.SENDING)
    rows = NoticeDelivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
        "notice", "channel__owner"
    )
    first = rows.filter(due, channel__is_active=True).order_by("due_at", "pk").first()
    if first is None:
        return None
    found = [first]
    if first.channel.medium != Medium.JSON:
        fresh = Q(state=State.PENDING, attempts_made=0)
        more = rows.filter(due | fresh, channel=first.channel).exclude(pk=first.pk).order_by("pk")
        found += list(more[: GATHERED_MAX - 1])
    NoticeDelivery.objects.filter(pk__in=[row.pk for row in found]).update(
        state=State.SENDING, attempts_made=F("attempts_made") + 1, **leases.taken(holder, lease_s=LEASE_S)
    )
    return Batch(first.channel, sorted(found, key=lambda row: row.notice.created_at))


def send(batch: Batch) -> Answer:
    """The answer, or a reason why there is none."""
    if not is_eligible(batch.channel):
        return Answer(GONE, NOT_ELIGIBLE, 0)
    if batch.channel.medium == Medium.EMAIL:
        return _send_email(batch)
    try:
        url = unseal(batch.channel.sealed_url)
        headers, body = _request(batch)
    except SealBroken as broken:
        return Answer(None, str(broken), 0)
    return post(url, body, headers)


def _request(batch: Batch) -> tuple[dict[str, str], bytes]:
    """Headers and body in the format of the receiver. Raises SealBroken."""
    if batch.channel.medium == Medium.JSON:
        notice = batch.notices[0]
        body = body_of(formats.generic_json(notice))
        secret = unseal(batch.channel.sealed_secret)
        return signed(f"ntc_{notice.pk.hex}", datetime.now(UTC), body, [secret]), body
    payload = formats.slack if batch.channel.medium == Medium.SLACK else formats.teams
    return {}, body_of(payload(batch.notices))


def _send_email(batch: Batch) -> Answer:
    if not settings.EMAIL_URL:
        return Answer(None, NO_MAIL_SERVER, 0)
    started = time.monotonic()
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    with _language_of(batch.channel):
        subject, text = formats.subject_of(batch.notices), formats.plain(batch.notices)
    message = EmailMessage(
        subject,
        text,
        settings.DEFAULT_FROM_EMAIL,
        [batch.channel.email],
        headers={"Message-ID": f"<{batch.message_id}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    status: int | None = 250
    error = ""
    try:
        get_connection(timeout=TIMEOUT_S).send_messages([message])
    except (
        Exception
    ) as failure:  # OSError and SMTPException, and what the mail library raises for odd headers
        status, error = None, (NOT_TAKEN % {"error": failure or type(failure).__name__})[:300]
    return Answer(status, error, int((time.monotonic() - started) * 1000))


def _language_of(channel: Channel) -> AbstractContextManager[None]:
    """That of the channel's owner; English for a shared one, and for people who leave it to their browser."""
    code = channel.owner.language if channel.owner else ""
    return translation.override(code or settings.LANGUAGE_CODE)


@transaction.atomic
def batch_record(batch: Batch, answer: Answer, *, holder: str = HOLDER) -> None:
    """Settle the deliveries: delivered, due again, or given up.

    A failure after the lease ran out changes nothing: another worker holds the row.
    """
    now = database_now()
    for row in NoticeDelivery.objects.select_for_update().filter(pk__in=[row.pk for row in batch.deliveries]):
        is_held = row.state == State.SENDING and row.lease_holder == holder
        if row.finished_at is not None or not (is_held or answer.is_success):
            continue
        again = next_attempt_at(now, attempts_made=row.attempts_made, gives_up_at=row.gives_up_at)
        row.lease_holder = ""
        row.last_error = (
            "" if answer.is_success else (answer.error or STATUS % {"status": answer.status})[:300]
        )
        if answer.is_success:
            row.state, row.finished_at = State.DELIVERED, now
        elif answer.status == GONE or again is None:
            row.state, row.finished_at = State.DEAD, now
        else:
            row.state, row.due_at = State.PENDING, again
        row.save(update_fields=["lease_holder", "last_error", "state", "finished_at", "due_at"])
    if answer.status == GONE:
        channel_disable(channel=batch.channel, reason=answer.error or GONE_ANSWER)


@transaction.atomic
def channel_disable(*, channel: Channel, reason: str) -> bool:
    """Stop sending; what waits is given up and can be sent again later. False when it is off already."""
    if not Channel.objects.filter(pk=channel.pk, is_active=True).update(
        is_active=False, disabled_reason=reason[:200]
    ):
        return False
    NoticeDelivery.objects.filter(channel=channel, finished_at=None).update(
        state=State.DEAD, lease_holder="", finished_at=Now(), last_error=reason[:300]
    )
    return True
