"""Leasing, renewing, ending and cancelling jobs; what a job does is not known here."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core import leases
from kyc_review.core.db.clock import database_now
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.stored_texts import shown, stored
from kyc_review.datasets.models import Snapshot
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.training.models import Job

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
State = Job.State
ATTEMPTS_MAX = 3
LEASE_S = 60
# Rows, the audit log and notices keep these; also what a worker says, which no page imports.
NO_ANSWER = stored(gettext_noop("Its worker no longer answered."))
NOT_READY = stored(gettext_noop("Snapshot %(name)s is not ready (%(state)s)."))
DIED = stored(gettext_noop("The process died %(number)s times."))
FAILED_TITLE = stored(gettext_noop("%(job)s %(number)s failed"))
DISK_FULL = stored(
    gettext_noop("The disk has %(free)s MB free, this needs 1,000 MB. Free some space and try again.")
)
KILLED = stored(gettext_noop("It was ended by %(signal)s."))
KILLED_FOR_MEMORY = stored(gettext_noop("It was ended by %(signal)s (out of memory?)."))
BAD_STATUS = stored(gettext_noop("It ended with status %(status)s: %(line)s"))
BAD_RESULT = stored(gettext_noop("Its result cannot be used: %(error)s"))
W = TypeVar("W", bound=Job)


class JobRefused(DomainError):
    """It cannot be asked for, or not be cancelled any more; the text says why."""

    code = "work_refused"


def not_ready(snapshot: Snapshot) -> str:
    """Why nothing can be trained or measured on it yet."""
    values = {"name": snapshot.name, "state": snapshot.get_state_display().lower()}
    return shown(NOT_READY % values)


class JobLost(Exception):
    """Another worker holds it, or it was ended meanwhile; nothing was written."""


def job_cancel(*, job: Job, actor: User | None) -> None:
    """End what waits at once; tell what runs to stop, which takes a second or two.

    Raises PermissionDenied, JobRefused.
    """
    require_of_actor(actor, Right.TRAIN)
    job_stop(job=job, actor=actor)


@transaction.atomic
def job_stop(*, job: Job, actor: User | None) -> None:
    """`job_cancel` as the consequence of something else that `actor` had the right to do. Raises JobRefused."""
    row = type(job)._default_manager.select_for_update().get(pk=job.pk)
    if row.is_ended:
        raise JobRefused(
            gettext("It has ended already (%(state)s).") % {"state": row.get_state_display().lower()}
        )
    row.cancel_asked = True
    if row.state == State.QUEUED:
        row.state, row.ended_at = State.CANCELLED, database_now()
    row.save(update_fields=["cancel_asked", "state", "ended_at"])
    audit.record(action=f"{row.NOUN}.cancelled", actor=actor, target=row)


def job_lease(kind: type[W]) -> W | None:
    """Take the oldest due row of a kind, counting the attempt before the work; None when nothing is due."""
    _end_spent(kind)
    with transaction.atomic():
        row = (
            kind._default_manager.select_for_update(skip_locked=True)
            .filter(_due(), attempts__lt=ATTEMPTS_MAX)
            .order_by("pk")
            .first()
        )
        if row is None:
            return None
        before = row.error if row.state == State.QUEUED else NO_ANSWER
        is_resumed = row.started_at is not None
        leases.take(row, uuid.uuid4().hex, lease_s=LEASE_S)
        row.state, row.attempts = State.RUNNING, row.attempts + 1
        row.started_at = row.started_at or database_now()
        row.save(update_fields=["state", "attempts", "started_at", *leases.FIELDS])
        if row.TITLE:
            what = "resumed" if is_resumed else "started"
            detail = {"attempt": row.attempts} | ({"before": before} if is_resumed else {})
            audit.record(action=f"{row.NOUN}.{what}", target=row, detail=detail)
    return row


def job_renew(job: Job) -> bool:
    """Keep the lease; True when somebody asked to cancel. Raises JobLost."""
    if _held(job).update(**leases.taken(job.lease_holder, lease_s=LEASE_S)) != 1:
        raise JobLost(f"{job} is no longer held by this worker.")
    return bool(type(job)._default_manager.values_list("cancel_asked", flat=True).get(pk=job.pk))


@transaction.atomic
def job_end(job: Job, state: Job.State, *, error: str = "", **facts: Any) -> None:
    """The holder's last word: succeeded, failed for a reason that another attempt would not change, or cancelled.

    Raises JobLost.
    """
    error = error[:500]
    ended = {"state": state, "lease_holder": "", "ended_at": database_now(), "error": error, **facts}
    if _held(job).update(**ended) != 1:
        raise JobLost(f"{job} is no longer held by this worker.")
    audit.record(action=f"{job.NOUN}.{state.value}", target=job, detail={"error": error} if error else {})
    if state == State.FAILED:
        _failure_tell(job, error)


def job_give_back(job: Job, error: str = "") -> None:
    """Let another worker, or a later attempt, continue.

    Without an error the worker was only told to stop, and the attempt does not count.
    """
    attempts = job.attempts if error else job.attempts - 1
    _held(job).update(state=State.QUEUED, error=error[:500], attempts=attempts, **leases.given_back())


def _held(job: Job) -> QuerySet[Any]:
    rows = type(job)._default_manager.filter(pk=job.pk)
    return leases.held(rows, state=State.RUNNING, holder=job.lease_holder)


def _due() -> Q:
    return leases.due(State.QUEUED, State.RUNNING)


@transaction.atomic
def _end_spent(kind: type[Job]) -> None:
    """What died again and again fails; what was to be cancelled when its worker died is cancelled."""
    spent = kind._default_manager.select_for_update(skip_locked=True).filter(
        _due() & (Q(attempts__gte=ATTEMPTS_MAX) | Q(cancel_asked=True))
    )
    for row in spent:
        row.state = State.CANCELLED if row.cancel_asked else State.FAILED
        if row.state == State.FAILED:
            row.error = f"{DIED % {'number': row.attempts}} {row.error}".strip()[:500]
        row.lease_holder, row.ended_at = "", database_now()
        row.save(update_fields=["state", "error", "lease_holder", "ended_at"])
        audit.record(action=f"{row.NOUN}.{row.state}", target=row, detail={"error": row.error})
        if row.state == State.FAILED:
            _failure_tell(row, row.error)


def _failure_tell(job: Job, error: str) -> None:
    if job.TITLE:
        notice_record(
            kind=Kind.TRAINING,
            title=FAILED_TITLE % {"job": job.TITLE, "number": job.pk},
            text=error,
            path=reverse(f"retraining:{job.PAGE}", args=[job.pk]),
        )
