"""Whether scoring works: read by the probes, the metrics, the queue's notice and the sweep that ends a standstill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from detection.checks import CheckName
from kyc_review.core.db.clock import database_now
from kyc_review.scoring.models import Canary, CheckResult, Scoring, ScoringWorker
from kyc_review.submissions.models import State, Submission

NOT_YET_SCORED = (State.RECEIVED, State.SCORING)
# A worker says that it lives every HEARTBEAT_S; after SILENT_AFTER_S without a word it counts as dead.
HEARTBEAT_S = 5
SILENT_AFTER_S = 20
# `last_error` of a submission that waits because the storage has no original of it.
ORIGINAL_MISSING = "The original is missing from the storage."


@dataclass(frozen=True, slots=True)
class ScoringState:
    """`last_outcome_at`: when a selfie last got a verdict or was sent back.

    `waiting`, `oldest_at`: of those without a verdict, given to people or not. `given_to_people`: how many of them are.
    """

    last_outcome_at: datetime | None
    waiting: int
    given_to_people: int
    oldest_at: datetime | None
    workers: int
    failing: int
    without_their_engine: int  # workers
    problem: str
    is_standing_still: bool

    @property
    def unscored(self) -> int:
        """How many still wait for scoring and are not with people."""
        return self.waiting - self.given_to_people


def scoring_state(now: datetime | None = None) -> ScoringState:
    """For staff and machines; there is nothing personal in it."""
    last = last_outcome_at()
    is_given = Q(state=State.IN_REVIEW)
    found = without_verdict(last).aggregate(
        number=Count("pk"),
        given=Count("pk", filter=is_given),
        oldest=Min("received_at"),
        oldest_waiting=Min("received_at", filter=~is_given),
        now=Coalesce(
            Max(Now()), Now()
        ),  # the database's clock without a query of its own; an aggregate needs one
    )
    now = now or found["now"]
    # Once the sample is scored again, only those that a person has taken are still with people.
    oldest_unscored = found["oldest"] if _over(_canary_at(), now) else found["oldest_waiting"]
    workers = workers_alive(now)
    failing = [worker for worker in workers if worker.problem]
    return ScoringState(
        last_outcome_at=last,
        waiting=found["number"],
        given_to_people=found["given"],
        oldest_at=found["oldest"],
        workers=len(workers),
        failing=len(failing),
        without_their_engine=sum(bool(worker.engine_refused) for worker in workers),
        problem=failing[0].problem if failing else "",
        is_standing_still=_over(last, now) and oldest_unscored is not None and _over(oldest_unscored, now),
    )


def stands_still(now: datetime | None = None) -> bool:
    """No selfie had an outcome for SCORING_STANDSTILL_S, and one waits as long. The canary says nothing here: when
    verdicts cannot be stored it passes all the same."""
    now = now or database_now()
    # The rows that wait are counted last: while scoring works, two looks into an index are enough.
    return _over(last_outcome_at(), now) and waiting_too_long(now).exists()


def without_verdict(last_outcome: datetime | None) -> QuerySet[Submission]:
    """Submissions that wait for scoring, and those that people were given unscored since the last outcome."""
    given = Q(
        state=State.IN_REVIEW,
        scoring__isnull=True,
        checks__isnull=True,
        attempts__lt=settings.SCORING_ATTEMPTS_MAX,  # with more it could not be scored, for a reason of its own
    )
    if last_outcome is not None:
        given &= Q(received_at__gte=last_outcome - timedelta(seconds=settings.SCORING_STANDSTILL_S))
    return Submission.objects.filter(Q(state__in=NOT_YET_SCORED) | given, is_test=False)


def waiting_for_scoring() -> QuerySet[Submission]:
    return Submission.objects.filter(is_test=False, state__in=NOT_YET_SCORED)


def waiting_too_long(now: datetime) -> QuerySet[Submission]:
    """Submissions that wait for SCORING_STANDSTILL_S, that no worker holds now and that have an attempt left.

    Not those without an original: a person could not see them.
    """
    before = now - timedelta(seconds=settings.SCORING_STANDSTILL_S)
    free = Q(state=State.RECEIVED) | Q(state=State.SCORING, due_at__lte=now)
    return (
        waiting_for_scoring()
        .filter(free, received_at__lte=before, attempts__lt=settings.SCORING_ATTEMPTS_MAX)
        .exclude(last_error=ORIGINAL_MISSING)
    )


def originals_missing() -> int:
    """How many submissions wait for an original that the storage does not have."""
    return waiting_for_scoring().filter(last_error=ORIGINAL_MISSING).count()


def workers_alive(now: datetime | None = None) -> list[ScoringWorker]:
    since = (now or database_now()) - timedelta(seconds=SILENT_AFTER_S)
    return list(ScoringWorker.objects.filter(seen_at__gte=since).order_by("name"))


def last_outcome_at() -> datetime | None:
    """When a selfie last got a verdict, or was sent back by a check."""
    checked = CheckResult.objects.filter(name=CheckName.FACE_FOUND).aggregate(at=Max("checked_at"))["at"]
    return _latest(checked, Scoring.objects.aggregate(at=Max("scored_at"))["at"])


def last_scored_at(last_outcome_at: datetime | None) -> datetime | None:
    """When scoring last worked: the canary, or a selfie, behind which the canary may have to wait."""
    return _latest(_canary_at(), last_outcome_at)


def _canary_at() -> datetime | None:
    at: datetime | None = Canary.objects.aggregate(at=Max("finished_at"))["at"]
    return at


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


def _over(moment: datetime | None, now: datetime) -> bool:
    return moment is None or now - moment >= timedelta(seconds=settings.SCORING_STANDSTILL_S)
