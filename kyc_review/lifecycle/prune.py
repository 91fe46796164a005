"""Pruning of webhook messages by age (WEBHOOKS_KEPT_DAYS): written to the archive, then deleted, in small batches."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_if_free
from kyc_review.core.row_archive import archive_write
from kyc_review.webhooks.models import Attempt, Delivery, Event

LOCK = 0x6B79_6370_7275  # "kycpru": one process prunes at a time
BATCH = 2_000  # messages of one transaction and one file
STEP_S = 2.0  # of the minute between two steps; the rest belongs to other tasks
UNFINISHED = (Delivery.State.PENDING, Delivery.State.SENDING)


def webhooks_prune_step() -> int:
    """Prune for about STEP_S; how many messages. Safe to call at any time, by anyone, and to kill."""
    until, pruned = time.monotonic() + STEP_S, 0
    if settings.WEBHOOKS_KEPT_DAYS:
        for integration in Integration.objects.order_by("pk").values_list("pk", flat=True):
            while time.monotonic() < until and (number := _prune_batch(integration)):
                pruned += number
    return pruned


@transaction.atomic
def _prune_batch(integration: int) -> int:
    """The oldest messages that are due, with their deliveries and attempts; 0 for none, or while another prunes.

    A message that is still to be delivered, or is delivered again, waits until that has ended.
    """
    if not lock_if_free(LOCK):
        return 0
    unfinished = Delivery.objects.filter(event=OuterRef("pk"), state__in=UNFINISHED)
    due = Event.objects.filter(
        ~Exists(unfinished),
        integration=integration,
        created_at__lt=Now() - timedelta(days=settings.WEBHOOKS_KEPT_DAYS),
    )
    # A message that is being replayed is locked, or waits for this lock and then finds it gone.
    events = list(due.order_by("created_at", "pk").select_for_update(skip_locked=True)[:BATCH])
    deliveries = list(Delivery.objects.filter(event__in=events).select_for_update())
    busy = {row.event_id for row in deliveries if row.state in UNFINISHED}
    events = [row for row in events if row.pk not in busy]
    if not events:
        return 0
    deliveries = [row for row in deliveries if row.event_id not in busy]
    attempts = Attempt.objects.filter(delivery__in=deliveries)
    lines = _lines(events, deliveries, list(attempts))
    first, last = events[0].created_at, events[-1].created_at
    archived = archive_write(f"webhook-messages/{first:%Y-%m}/{integration}-{first:%Y%m%dT%H%M%SZ}", lines)
    attempts.delete()
    Delivery.objects.filter(pk__in=[row.pk for row in deliveries]).delete()
    Event.objects.filter(pk__in=[row.pk for row in events]).delete()
    detail = {"messages": len(events), "since": first.isoformat(), "until": last.isoformat()}
    audit.record(
        action="webhook.messages_pruned",
        target=Integration.objects.get(pk=integration),
        detail=detail | archived.detail,
    )
    return len(events)


def _lines(events: list[Event], deliveries: list[Delivery], attempts: list[Attempt]) -> list[str]:
    """One message a line, with its `deliveries`, each with its `attempts`."""
    of_delivery: dict[Any, list[dict[str, Any]]] = {}
    for attempt in attempts:
        of_delivery.setdefault(attempt.delivery_id, []).append(_columns(attempt))
    of_event: dict[Any, list[dict[str, Any]]] = {}
    for delivery in deliveries:
        row = _columns(delivery) | {"attempts": of_delivery.get(delivery.pk, [])}
        of_event.setdefault(delivery.event_id, []).append(row)
    dump = DjangoJSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return [dump(_columns(event) | {"deliveries": of_event.get(event.pk, [])}) for event in events]


def _columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
