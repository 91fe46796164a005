"""Alarms: monitoring signals beyond their limits, kept as rows, so that people are notified once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.training.models import Alarm
from kyc_review.training.signals import ALARM, Signal, alarm_signals_unchecked

WATCH_LOCK = 7_305_118  # an arbitrary number, used for nothing else
# A signal that goes back and forth around its limit is told of once in this time.
QUIET_FOR = timedelta(days=1)


def alarms_watch() -> None:
    """Compare the signals with the open alarms. Safe to call at any time."""
    alarms_update(alarm_signals_unchecked())


@transaction.atomic
def alarms_update(signals: Sequence[Signal]) -> None:
    """Begin an alarm for each signal that calls and has none, with a notice; end those whose signal calls no more."""
    lock_for_transaction(WATCH_LOCK)
    now, calling = timezone.now(), {signal.name: signal for signal in signals if signal.calls}
    for alarm in Alarm.objects.filter(ended_at=None):
        if calling.pop(alarm.signal, None) is None:
            alarm.ended_at = now
            alarm.save(update_fields=["ended_at"])
            audit.record(action="alarm.ended", target=alarm, detail={"signal": alarm.signal})
    for signal in calling.values():
        told = Alarm.objects.filter(signal=signal.name, began_at__gt=now - QUIET_FOR).exists()
        alarm = Alarm.objects.create(signal=signal.name, detail=signal.detail[:500])
        audit.record(
            action="alarm.began", target=alarm, detail={"signal": signal.name, "detail": alarm.detail}
        )
        if not told:
            notice_record(
                kind=Kind.ALARM,
                title=ALARM % {"signal": signal.name},
                text=signal.detail,
                path=reverse("retraining:overview") + "#signals-title",
            )
