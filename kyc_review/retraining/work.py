"""Leasing, renewing, ending and cancelling work; what the work is does not matter here."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from kyc_review.audit import services as audit
from kyc_review.retraining.models import Work

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
State = Work.State
ATTEMPTS_MAX = 3
LEASE_S = 60
W = TypeVar("W", bound=Work)


class WorkRefused(Exception):
    """It cannot be asked for, or not be cancelled any more; the text says why."""


class WorkLost(Exception):
    """Another worker holds it, or it was ended meanwhile; nothing was written."""


@transaction.atomic
def work_cancel(*, work: Work, actor: User | None = None) -> None:
    """End what waits at once; tell what runs to stop, which takes a second or two. Raises WorkRefused."""
    row = type(work)._default_manager.select_for_update().get(pk=work.pk)
    if row.is_ended:
        raise WorkRefused(f"It has ended already ({row.get_state_display().lower()}).")
    row.cancel_asked = True
    if row.state == State.QUEUED:
        row.state, row.ended_at = State.CANCELLED, timezone.now()
    row.save(update_fields=["cancel_asked", "state", "ended_at"])
    audit.record(action=f"{row.NOUN}.cancelled", actor=actor, target=row)


def nudge() -> None:
    """Tell the training worker; never fails, for the sweep says it again."""
    from kyc_review.retraining.tasks import work_due

    try:
        work_due.apply_async(retry=False, expires=60)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("No message sent, the sweep will find the work: %s", error)


def work_lease(kind: type[W]) -> W | None:
    """Take the oldest due row of a kind, counting the attempt before the work; None when nothing is due."""
    _end_spent(kind)
    now = timezone.now()
    with transaction.atomic():
        row = (
            kind._default_manager.select_for_update(skip_locked=True)
            .filter(_due(), attempts__lt=ATTEMPTS_MAX)
            .order_by("pk")
            .first()
        )
        if row is None:
            return None
        row.state, row.lease_holder, row.attempts = State.RUNNING, uuid.uuid4().hex, row.attempts + 1
        row.due_at = now + timedelta(seconds=LEASE_S)
        row.started_at = row.started_at or now
        row.save(update_fields=["state", "lease_holder", "attempts", "due_at", "started_at"])
    return row


def work_renew(work: Work) -> bool:
    """Keep the lease; True when somebody asked to cancel. Raises WorkLost."""
    if _held(work).update(due_at=timezone.now() + timedelta(seconds=LEASE_S)) != 1:
        raise WorkLost(f"{work} is no longer held by this worker.")
    return bool(type(work)._default_manager.values_list("cancel_asked", flat=True).get(pk=work.pk))


@transaction.atomic
def work_end(work: Work, state: Work.State, *, error: str = "", **facts: Any) -> None:
    """The holder's last word: succeeded, failed for a reason that another attempt would not change, or cancelled.

    Raises WorkLost.
    """
    error = error[:500]
    ended = {"state": state, "lease_holder": "", "ended_at": timezone.now(), "error": error, **facts}
    if _held(work).update(**ended) != 1:
        raise WorkLost(f"{work} is no longer held by this worker.")
    audit.record(action=f"{work.NOUN}.{state.value}", target=work, detail={"error": error} if error else {})


def work_give_back(work: Work, error: str = "") -> None:
    """Somebody else, or a later attempt, shall go on.

    Without an error the worker was only told to stop, and the attempt does not count.
    """
    attempts = work.attempts if error else work.attempts - 1
    _held(work).update(
        state=State.QUEUED, lease_holder="", due_at=timezone.now(), error=error[:500], attempts=attempts
    )


def _held(work: Work) -> QuerySet[Any]:
    return type(work)._default_manager.filter(pk=work.pk, state=State.RUNNING, lease_holder=work.lease_holder)


def _due() -> Q:
    return Q(state__in=[State.QUEUED, State.RUNNING], due_at__lte=timezone.now())


@transaction.atomic
def _end_spent(kind: type[Work]) -> None:
    """What died again and again fails; what was to be cancelled when its worker died is cancelled."""
    spent = kind._default_manager.select_for_update(skip_locked=True).filter(
        _due() & (Q(attempts__gte=ATTEMPTS_MAX) | Q(cancel_asked=True))
    )
    for row in spent:
        row.state = State.CANCELLED if row.cancel_asked else State.FAILED
        if row.state == State.FAILED:
            row.error = f"Its process died {row.attempts} times. {row.error}".strip()[:500]
        row.lease_holder, row.ended_at = "", timezone.now()
        row.save(update_fields=["state", "error", "lease_holder", "ended_at"])
        audit.record(action=f"{row.NOUN}.{row.state}", target=row, detail={"error": row.error})
