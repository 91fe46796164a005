"""Leases of rows that are work: a submission to score, evidence to compute, a delivery, a snapshot, a training job.

Such a row has a state, a holder and `due_at`. A worker takes a due row under `SELECT ... FOR UPDATE SKIP LOCKED`, and
each later write names the state and the holder that it expects (`held`), so a worker whose lease ran out changes
nothing. The database's clock times every lease (`Now()`, the start of the statement), so that workers whose clocks
differ agree on when a lease ends. A reviewer's claim is not one of them: `review.claims` times it, by the same clock.
"""

import os
import socket
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypedDict, TypeVar

from django.db import models
from django.db.models import CheckConstraint, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

M = TypeVar("M", bound=Model)
# Called between the pieces of a long copy: it renews the lease, or raises to end the copy.
Alive = Callable[[], Any]


class LeaseFields(TypedDict):
    lease_holder: str
    due_at: Combinable


def no_lease() -> None:
    """The `Alive` of a caller that holds no lease."""


FIELDS = ("lease_holder", "due_at")


class LeasedRow(models.Model):
    """`due_at` is when a worker may take the row: its arrival, the end of a pause, or the end of a worker's lease."""

    lease_holder = models.CharField(max_length=80, blank=True)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


def holder_only_in(state: str, *, name: str) -> CheckConstraint:
    """A row has a holder in this state and in no other."""
    return CheckConstraint(
        condition=Q(state=state) & ~Q(lease_holder="") | ~Q(state=state) & Q(lease_holder=""), name=name
    )


def process_holder() -> str:
    """A name for the leases of this process: `<host>:<pid>:<random>`."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def due(*states: str) -> Q:
    """Rows in one of these states that a worker may take now."""
    return Q(state__in=states, due_at__lte=Now())


def held(rows: QuerySet[M], *, state: str, holder: str) -> QuerySet[M]:
    """Those of the rows that this holder still holds in this state."""
    return rows.filter(state=state, lease_holder=holder)


def taken(holder: str, *, lease_s: float) -> LeaseFields:
    """The fields of a lease that begins, or is renewed, now."""
    return {"lease_holder": holder, "due_at": Now() + timedelta(seconds=lease_s)}


def take(row: LeasedRow, holder: str, *, lease_s: float) -> None:
    """Set the fields of a lease on a locked or new row; the caller saves FIELDS with the row's state.

    `due_at` is an expression that the database evaluates: read the row again to know its value.
    """
    lease = taken(holder, lease_s=lease_s)
    row.lease_holder, row.due_at = lease["lease_holder"], lease["due_at"]


def given_back(*, attempts: int = 0) -> LeaseFields:
    """The fields of a row that may be taken again: now, or after failed `attempts` in 2, 4, 8 ... seconds."""
    pause = timedelta(seconds=2**attempts if attempts else 0)
    return {"lease_holder": "", "due_at": Now() + pause}
