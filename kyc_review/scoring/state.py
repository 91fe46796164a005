"""Whether scoring works: read by the probes, the metrics, the queue's notice and the sweep that ends a standstill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from detection.checks import CheckName
from kyc_review.scoring.models import Canary, CheckResult, Scoring, ScoringWorker
from kyc_review.submissions.models import State, Submission

WAITING = (State.RECEIVED, State.SCORING)
# A worker says that it lives every HEARTBEAT_S; after SILENT_AFTER_S without a word it counts as dead.
HEARTBEAT_S = 5
SILENT_AFTER_S = 20


@dataclass(frozen=True, slots=True)
class ScoringState:
    """`last_outcome_at`: when a selfie last got a verdict or was sent back. `oldest_at`: of those that wait."""

    last_outcome_at: datetime | None
    waiting: int
    oldest_at: datetime | None
    workers: int
    failing: int
    problem: str
    is_standing_still: bool


def scoring_state(now: datetime | None = None) -> ScoringState:
    """For staff and machines; there is nothing personal in it."""
    now = now or timezone.now()
    found = waiting_for_scoring().aggregate(number=Count("pk"), oldest=Min("received_at"))
    workers = workers_alive(now)
    failing = [worker for worker in workers if worker.problem]
    last = last_outcome_at()
    return ScoringState(
        last_outcome_at=last,
        waiting=found["number"],
        oldest_at=found["oldest"],
        workers=len(workers),
        failing=len(failing),
        problem=failing[0].problem if failing else "",
        is_standing_still=_over(last, now) and found["oldest"] is not None and _over(found["oldest"], now),
    )


def stands_still(now: datetime | None = None) -> bool:
    """No selfie had an outcome for SCORING_STANDSTILL_S, and one waits as long. The canary says nothing here: when
    verdicts cannot be stored it passes all the same."""
    now = now or timezone.now()
    # The rows that wait are counted last: while scoring works, two looks into an index are enough.
    return _over(last_outcome_at(), now) and waiting_too_long(now).exists()


def waiting_for_scoring() -> QuerySet[Submission]:
    return Submission.objects.filter(is_test=False, state__in=WAITING)


def waiting_too_long(now: datetime) -> QuerySet[Submission]:
    """Those that wait for SCORING_STANDSTILL_S and that no worker holds right now."""
    before = now - timedelta(seconds=settings.SCORING_STANDSTILL_S)
    free = Q(state=State.RECEIVED) | Q(state=State.SCORING, due_at__lte=now)
    return waiting_for_scoring().filter(free, received_at__lte=before)


def workers_alive(now: datetime | None = None) -> list[ScoringWorker]:
    since = (now or timezone.now()) - timedelta(seconds=SILENT_AFTER_S)
    return list(ScoringWorker.objects.filter(seen_at__gte=since).order_by("name"))


def last_outcome_at() -> datetime | None:
    """When a selfie last got a verdict, or was sent back by a check."""
    checked = CheckResult.objects.filter(name=CheckName.FACE_FOUND).aggregate(at=Max("checked_at"))["at"]
    return _latest(checked, Scoring.objects.aggregate(at=Max("scored_at"))["at"])


def last_scored_at(last_outcome_at: datetime | None) -> datetime | None:
    """When scoring last worked: the canary, or a selfie, behind which the canary may have to wait."""
    return _latest(Canary.objects.aggregate(at=Max("finished_at"))["at"], last_outcome_at)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


def _over(moment: datetime | None, now: datetime) -> bool:
    return moment is None or now - moment >= timedelta(seconds=settings.SCORING_STANDSTILL_S)
