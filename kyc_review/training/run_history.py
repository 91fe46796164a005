"""What happened to a job, and how long each of its phases took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kyc_review.audit.models import Event
from kyc_review.core.db.clock import database_now
from kyc_review.core.permissions import may_see_retraining
from kyc_review.core.stored_texts import shown
from kyc_review.training.jobs import State
from kyc_review.training.models import Job
from kyc_review.training.progress import progress_lines

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

FINISH = "finish"
WORDS = {
    "requested": _("Requested"),
    "started": _("A worker began"),
    "resumed": _("Another attempt went on after its last finished model"),
    "cancelled": _("Cancelled"),
    "succeeded": _("Done"),
    "failed": _("Failed"),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the work; `end` is None while it lasts."""

    name: str
    begin: datetime
    end: datetime | None

    @property
    def took(self) -> timedelta:
        return (self.end or database_now()) - self.begin


@dataclass(frozen=True, slots=True)
class Happened:
    at: datetime
    text: str
    detail: str


def events_of(*, viewer: User, job: Job) -> list[Happened]:
    """From the audit log, oldest first: who asked, when a worker began, died and went on, and the end."""
    if not may_see_retraining(viewer):
        return []
    rows = Event.objects.filter(target_kind=job._meta.model_name, target_id=str(job.pk)).order_by("pk")
    return [_happened(row) for row in rows]


def phases_of(job: Job) -> list[Phase]:
    """Waiting, then each member as it was reported, then the rest; empty names are left out.

    `ml` reports after each epoch, so reading the snapshot belongs to the first member.
    """
    if job.started_at is None:
        end = job.created_at if job.is_ended else None
        return [Phase(gettext("Waiting for a worker"), job.created_at, job.ended_at or end)]
    found = [Phase(gettext("Waiting for a worker"), job.created_at, job.started_at)]
    begin, current = job.started_at, ""
    last = begin
    for line in progress_lines(job):
        at, name = _at(line), _name(line)
        if at is None or not name or at < begin:
            continue
        if current and name != current:
            found.append(Phase(current, begin, last))
            begin = last
        current, last = name, at
    end = job.ended_at if job.is_ended else None
    return [*found, Phase(current or gettext("Reading the snapshot"), begin, end)]


def is_silent(job: Job) -> bool:
    """Whether the worker that holds it has not answered in time: another attempt begins by itself."""
    return job.state == State.RUNNING and job.due_at < database_now()


def _happened(row: Event) -> Happened:
    text = str(WORDS.get(row.action.partition(".")[2], row.action))
    if row.actor_name:
        text = gettext("%(what)s by %(person)s") % {"what": text, "person": row.actor_name}
    return Happened(row.at, text, shown(str(row.detail.get("before") or row.detail.get("error") or "")))


def _name(line: dict[str, Any]) -> str:
    if line.get("phase") == FINISH:
        return gettext("Fitting the stack, measuring")
    return gettext("Training %(member)s") % {"member": line["member"]} if line.get("member") else ""


def _at(line: dict[str, Any]) -> datetime | None:
    at = parse_datetime(line["at"]) if isinstance(line.get("at"), str) else None
    return at if at is None or timezone.is_aware(at) else None
