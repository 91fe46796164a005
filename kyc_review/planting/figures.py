"""What planted forgeries measure: recall of models and of people by kind of edit, and how difficult items are.

Only what was planted, scored and answered before today counts, as it was when today began: a number that moved with a
decision would say which face it was.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce

from estimation.difficulty import fit, usual_times
from estimation.intervals import Rate
from kyc_review.audit.models import Event
from kyc_review.core.permissions import may_decide, may_see_insights
from kyc_review.review.known_answers import (
    ROWS_READ,
    band_of,
    day_of,
    known_answers_unchecked,
    way_of,
)
from kyc_review.review.models import ASSESSED_LABELS, WAITING_STATES, Decision, PlantedForgery, ReviewItem
from kyc_review.review.models.reasons import FLAGGED
from kyc_review.submissions.models import Result

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ALL = "all"


@dataclass(frozen=True, slots=True)
class Recall:
    """Of one kind of edit (`way`; ALL together), or of one bundle.

    models: flagged among those that the models judged, that is without those that a check sent back. people: answers of
    fake among all answers of real or fake, each person's own. found: rejected in the end, among those with a result
    of real or fake; what the models clear, and people miss, is missed.
    """

    way: str
    planted: int
    sent_back: int
    waiting: int
    not_assessable: int
    models: Rate
    people: Rate
    found: Rate


def recalls(*, viewer: User, since: dt.datetime, now: dt.datetime | None = None) -> list[Recall]:
    """All together first, then each kind of edit; empty for people who may not see insights, or without any."""
    if not may_see_insights(viewer):
        return []
    return recalls_unchecked(since=since, until=day_of(now))


def recalls_unchecked(*, since: dt.datetime, until: dt.datetime) -> list[Recall]:
    """`recalls` of a period, for metrics: as everything was at `until`."""
    rows = _planted(since, until)
    answers = _answers(rows, until)
    ways = sorted({row["way"] for row in rows})
    return [_recall(ALL, rows, answers)] * bool(rows) + [
        _recall(way, [row for row in rows if row["way"] == way], answers) for way in ways
    ]


def recalls_by_bundle(*, viewer: User, since: dt.datetime, now: dt.datetime | None = None) -> list[Recall]:
    """One for each bundle that judged some; `way` is its version."""
    if not may_see_insights(viewer):
        return []
    until = day_of(now)
    rows = _planted(since, until)
    answers = _answers(rows, until)
    versions = dict.fromkeys(row["version"] for row in rows if row["version"])
    return [
        _recall(version, [row for row in rows if row["version"] == version], answers) for version in versions
    ]


def _planted(since: dt.datetime, until: dt.datetime) -> list[dict[str, Any]]:
    """What was planted in the period, the latest first, as it was at `until`: what was scored or got its result later
    still waited then."""
    flagged = ReviewItem.objects.filter(
        submission=OuterRef("submission"), reason__in=FLAGGED, opened_at__lt=until
    )
    planted = PlantedForgery.objects.filter(planted_at__gte=since, planted_at__lt=until)
    found = planted.annotate(
        is_flagged=Exists(flagged),
        version=F("submission__scoring__bundle_version"),
        scored_at=F("submission__scoring__scored_at"),
        result=F("submission__result"),
        ended_at=Coalesce("submission__completed_at", "submission__cancelled_at"),
    ).order_by("-planted_at")
    names = ("submission_id", "kind", "is_flagged", "version", "scored_at", "result", "ended_at")
    rows = list(found.values(*names))
    earlier = _results_before_overturned([row["submission_id"] for row in rows], until)
    for row in rows:
        row["way"] = way_of(row["kind"])
        row["is_waiting"] = row["ended_at"] is None or row["ended_at"] >= until
        row["result"] = "" if row["is_waiting"] else earlier.get(str(row["submission_id"]), row["result"])
        if row["scored_at"] is None or row["scored_at"] >= until:
            row["version"] = None
    return rows


def _results_before_overturned(submissions: list[UUID], until: dt.datetime) -> dict[str, str]:
    """By submission, the result at `until` of those whose result was overturned since."""
    overturned = Event.objects.filter(
        action="submission.overturned",
        target_kind="submission",
        target_id__in=[str(one) for one in submissions],
        at__gte=until,
    )
    # The first of several counts: it is read last here.
    return {event.target_id: str(event.detail.get("from", "")) for event in overturned.order_by("-pk")}


def _answers(rows: Iterable[dict[str, Any]], until: dt.datetime) -> dict[UUID, list[str]]:
    """People's own answers that were final before `until`."""
    said = Decision.objects.final().filter(
        submission__in=[row["submission_id"] for row in rows], corrects=None, item__decided_at__lt=until
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for submission, label in said.values_list("submission_id", "label"):
        found[submission].append(label)
    return found


def _recall(way: str, rows: list[dict[str, Any]], answers: dict[UUID, list[str]]) -> Recall:
    # What a check sends back gets no votes.
    sent_back = [row for row in rows if row["result"] and not row["is_flagged"] and not row["version"]]
    judged = [row for row in rows if row["is_flagged"] or row["version"]]
    ended = [row for row in rows if row["result"] in (Result.CLEAR, Result.REJECTED)]
    labels = [label for row in rows for label in answers.get(row["submission_id"], ())]
    assessed = [label for label in labels if label in ASSESSED_LABELS]
    return Recall(
        way=way,
        planted=len(rows),
        sent_back=len(sent_back),
        waiting=sum(row["is_waiting"] for row in rows),
        not_assessable=len(labels) - len(assessed),
        models=Rate(sum(row["is_flagged"] for row in judged), len(judged)),
        people=Rate(sum(label == Decision.Label.FAKE for label in assessed), len(assessed)),
        found=Rate(sum(row["result"] == Result.REJECTED for row in ended), len(ended)),
    )


@dataclass(frozen=True, slots=True)
class Today:
    """What counts from tomorrow on: how many were `planted` today, and how many answers people gave to any."""

    planted: int
    answers: int


def of_today(*, viewer: User, now: dt.datetime | None = None) -> Today | None:
    """None for people who decide: a number that moved would say which picture was planted."""
    if not may_see_insights(viewer) or may_decide(viewer):
        return None
    today = day_of(now)
    answers = Decision.objects.standing().filter(
        submission__is_planted=True, corrects=None, decided_at__gte=today
    )
    return Today(PlantedForgery.objects.filter(planted_at__gte=today).count(), answers.count())


@dataclass(frozen=True, slots=True)
class BandOfWork:
    """Items of one band of risk: the chance of a wrong answer, from `known` answers, and the median time of a decision;
    `waiting` items, and the hours that they will take."""

    band: str
    difficulty: float
    known: int
    usual_s: float | None
    waiting: int

    @property
    def expected_h(self) -> float | None:
        return None if self.usual_s is None else self.usual_s * self.waiting / 3600


def bands_of_work(*, viewer: User, now: dt.datetime | None = None) -> list[BandOfWork]:
    """The bands with decisions or waiting items."""
    if not may_see_insights(viewer):
        return []
    known = known_answers_unchecked(until=day_of(now))
    difficulties = fit(known)
    recent = Decision.objects.final().filter(corrects=None).order_by("-pk")
    times = recent.values_list("submission__scoring__risk", "handling_ms")[:ROWS_READ]
    usual = usual_times((band_of(risk), handling_ms / 1000) for risk, handling_ms in times)
    waiting: dict[str, int] = defaultdict(int)
    items = ReviewItem.objects.filter(state__in=WAITING_STATES, submission__is_test=False)
    for risk in items.values_list("submission__scoring__risk", flat=True):
        waiting[band_of(risk)] += 1
    counts: dict[str, int] = defaultdict(int)
    for answer in known:
        counts[answer.band] += 1
    return [
        BandOfWork(band, difficulties.of(band), counts[band], usual.get(band), waiting[band])
        for band in sorted({*usual, *waiting})
    ]
