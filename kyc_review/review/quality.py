"""Quality of reviewers, for themselves and for seniors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from statistics import median

from django.db.models import F, OuterRef, Subquery

from estimation.agreement import dawid_skene
from estimation.difficulty import OnEqualWork, fit, on_equal_work, pace, usual_times
from estimation.intervals import Rate
from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_read_queue, may_see_all_reviewers
from kyc_review.review.known_answers import band_of, day_of, known_answers_unchecked
from kyc_review.review.late_outcomes import latest_outcomes
from kyc_review.submissions.models import LateOutcome

from .models import Decision, FirstCall, ReviewItem

ROWS_READ = 5000  # the latest decisions count
# A median of the latest decisions below this share of the person's own earlier median is worth a word with them.
RECENT_DECISIONS, USUAL_MIN, FAST_SHARE, SLOW_SHARE = 30, 100, 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Medians of the time from claim to decision in seconds: of the latest RECENT_DECISIONS, and of those before.

    None where there are too few: fewer than RECENT_DECISIONS, and fewer than USUAL_MIN before them.
    """

    recent_s: float | None
    usual_s: float | None

    @classmethod
    def of(cls, handling_ms: Sequence[int]) -> Pace:
        """handling_ms: of one person's decisions, the latest first."""
        recent, before = handling_ms[:RECENT_DECISIONS], handling_ms[RECENT_DECISIONS:]
        return cls(
            recent_s=median(recent) / 1000 if len(recent) == RECENT_DECISIONS else None,
            usual_s=median(before) / 1000 if len(before) >= USUAL_MIN else None,
        )

    @property
    def is_fast(self) -> bool:
        """Far faster than this person usually is."""
        if self.recent_s is None or self.usual_s is None:
            return False
        return self.recent_s < FAST_SHARE * self.usual_s

    @property
    def is_slow(self) -> bool:
        """Far slower than this person usually is, as with tired eyes."""
        if self.recent_s is None or self.usual_s is None:
            return False
        return self.recent_s > SLOW_SHARE * self.usual_s


@dataclass
class _Tally:
    decisions: int = 0
    handling_ms: list[int] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)  # (band of difficulty, time)
    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, name: str, right: bool) -> None:
        self.counts[name][0] += right
        self.counts[name][1] += 1

    def rate(self, name: str) -> Rate:
        return Rate(*self.counts[name]) if name in self.counts else Rate(0, 0)


@dataclass(frozen=True, slots=True)
class Quality:
    """One person's figures over their latest decisions."""

    person: User
    decisions: int
    gold: Rate
    agreement: Rate
    consensus: Rate
    changed: Rate
    late: Rate
    pace: Pace
    equal: OnEqualWork | None = None
    equal_pace: float | None = None


def qualities(*, viewer: User, now: datetime | None = None) -> list[Quality]:
    """Everybody's figures for seniors, admins and auditors; a reviewer's own for themselves; nothing for strangers.

    Answers to gold and to planted forgeries count from the day after them on. Until then a planted forgery counts as a
    customer's picture: a number that moved with a decision, or did not, would say which face it was.
    """
    if not may_read_queue(viewer):
        return []
    sees_all = may_see_all_reviewers(viewer)
    today = day_of(now)
    tallies = _tallies(today)
    known = known_answers_unchecked(until=today)
    difficulties = fit(known)
    usual = usual_times(chain.from_iterable(tally.times for tally in tallies.values()))
    people = User.objects.filter(pk__in=tallies) if sees_all else User.objects.filter(pk=viewer.pk)
    return [
        Quality(
            person=person,
            decisions=tally.decisions,
            gold=tally.rate("gold"),
            agreement=tally.rate("agreement"),
            consensus=tally.rate("consensus"),
            changed=tally.rate("changed"),
            late=tally.rate("late"),
            pace=Pace.of(tally.handling_ms),
            equal=on_equal_work((one for one in known if one.person == person.pk), difficulties),
            equal_pace=pace(tally.times, usual),
        )
        for person in people.order_by("username")
        for tally in [tallies.get(person.pk, _Tally())]
    ]


def _tallies(today: datetime) -> dict[int, _Tally]:
    first = FirstCall.objects.filter(item=OuterRef("item"), reviewer=OuterRef("reviewer"))
    late = latest_outcomes().filter(submission=OuterRef("submission"))
    rows = (
        Decision.objects.final()
        .filter(corrects=None)
        .annotate(
            truth=F("submission__gold__label"),
            first=Subquery(first.values("label")[:1]),
            late=Subquery(late.values("finding")[:1]),
        )
        .order_by("-pk")
        .values_list(
            "submission_id",
            "reviewer_id",
            "label",
            "item__reason",
            "truth",
            "first",
            "late",
            "decided_at",
            "handling_ms",
            "submission__is_planted",
            "submission__scoring__risk",
        )[:ROWS_READ]
    )
    tallies: dict[int, _Tally] = defaultdict(_Tally)
    judged: dict[object, list[tuple[int, str]]] = defaultdict(list)
    of_today = {row[0] for row in rows if row[7] >= today}  # the rows are read once
    for row in rows:
        submission, person, label, reason, truth, first_label, turned_out, decided_at, handling_ms = row[:9]
        is_planted, risk = row[9:]
        tally = tallies[person]
        tally.decisions += 1
        tally.handling_ms.append(handling_ms)
        tally.times.append((band_of(risk), handling_ms))
        if is_planted:
            truth = Decision.Label.FAKE
        is_known = is_planted or reason == ReviewItem.Reason.GOLD
        if is_known and truth and decided_at < today:
            tally.add("gold", label == truth)
        if not is_known or (is_planted and submission in of_today):
            judged[submission].append((person, label))
        if turned_out and label != Decision.Label.NOT_ASSESSABLE and reason != ReviewItem.Reason.GOLD:
            tally.add("late", (label == Decision.Label.FAKE) == (turned_out == LateOutcome.Finding.FRAUD))
        if first_label:
            tally.add("changed", label != first_label)
    _compare(tallies, {key: given for key, given in judged.items() if len(given) > 1})
    return dict(tallies)


def _compare(tallies: dict[int, _Tally], judged: dict[object, list[tuple[int, str]]]) -> None:
    """People against each other, and against the consensus of all."""
    belief = dawid_skene(_flat(judged))
    for submission, given in judged.items():
        likely = max(belief[submission], key=lambda label: belief[submission][label])
        for person, label in given:
            tallies[person].add("consensus", label == likely)
            for other, other_label in given:
                if other != person:
                    tallies[person].add("agreement", label == other_label)


def _flat(judged: dict[object, list[tuple[int, str]]]) -> Iterable[tuple[object, int, str]]:
    return ((item, person, label) for item, given in judged.items() for person, label in given)
