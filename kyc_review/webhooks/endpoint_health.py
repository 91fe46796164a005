"""What attempts say of an endpoint: it is failing, paused, switched off; or it answers again."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core.stored_texts import stored
from kyc_review.webhooks.backoff import GIVE_UP_AFTER, endpoint_pause_s
from kyc_review.webhooks.events import endpoint_disabled_write
from kyc_review.webhooks.models import Delivery, DisabledReason, Endpoint

# Attempts in a row that must have failed before an endpoint is switched off; a quiet one has few in three days.
FAILURES_BEFORE_OFF = 10
SWITCHED_OFF_BY_HAND = stored(gettext_noop("Switched off by hand."))
ALL_FAILED = stored(gettext_noop("All %(number)s attempts since %(since)s UTC failed."))
# Called with the endpoint, in the transaction that switches it off because it fails; `notices` registers here.
told: list[Callable[..., object]] = []


def success_note(*, endpoint_id: uuid.UUID) -> None:
    """It answers again: the pause ends for everything that waits."""
    Endpoint.objects.filter(pk=endpoint_id, failing_since__isnull=False).update(
        failing_since=None, failures=0, paused_until=None
    )


@transaction.atomic
def failure_note(*, endpoint_id: uuid.UUID, now: datetime, asked_s: float = 0.0) -> None:
    """Count a failure, and pause the endpoint or switch it off; `asked_s` are the seconds of its `Retry-After`."""
    row = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    row.failing_since = row.failing_since or now
    row.failures += 1
    was_paused = row.paused_until is not None
    if pause_s := endpoint_pause_s(row.failures, asked_s=asked_s):
        until = now + timedelta(seconds=pause_s)
        row.paused_until = max(row.paused_until or until, until)
    row.save(update_fields=["failing_since", "failures", "paused_until"])
    if row.paused_until and not was_paused:
        audit.record(action="webhook.paused", target=row, detail={"failures": row.failures})
    if row.failures >= FAILURES_BEFORE_OFF and now - row.failing_since >= GIVE_UP_AFTER:
        endpoint_disable(
            endpoint_id=endpoint_id,
            reason=ALL_FAILED % {"number": row.failures, "since": f"{row.failing_since:%Y-%m-%d %H:%M}"},
            because=DisabledReason.ONLY_FAILED,
        )


def trouble_of(row: Endpoint) -> str:
    """For the integration: since when it is switched off or paused, and what to do; empty for one that works."""
    if not row.is_active:
        since = f" at {row.disabled_at:%Y-%m-%d %H:%M} UTC" if row.disabled_at else ""
        return (
            f"Switched off{since}: {row.disabled_reason} Nothing is sent to it. "
            'Switch it on with PATCH {"active": true}, then replay the deliveries with the state `dead`.'
        )
    if row.paused_until and row.failing_since:
        return (
            f"All attempts since {row.failing_since:%Y-%m-%d %H:%M} UTC failed ({row.failures}), so it is paused until "
            f"{row.paused_until:%Y-%m-%d %H:%M} UTC; then one message is tried. A test event is sent at once."
        )
    return ""


@transaction.atomic
def endpoint_disable(*, endpoint_id: uuid.UUID, reason: str, because: DisabledReason | None = None) -> None:
    """Stop sending. Pending deliveries are given up and can be replayed when the endpoint is active again.

    `because`: of a failing endpoint; then the integration and the bank's admins are told.
    """
    if not Endpoint.objects.filter(pk=endpoint_id, is_active=True).update(
        is_active=False, disabled_reason=reason, disabled_at=Now()
    ):
        return
    Delivery.objects.filter(endpoint=endpoint_id, finished_at=None).update(
        state=Delivery.State.DEAD, lease_holder="", finished_at=Now()
    )
    audit.record(action="webhook.disabled", target=Endpoint(pk=endpoint_id), detail={"reason": reason})
    if because is None:
        return
    row = Endpoint.objects.select_related("integration").get(pk=endpoint_id)
    endpoint_disabled_write(endpoint=row, reason=because)
    for tell in told:
        tell(endpoint=row)
