"""Monitoring of models and decisions. Sandbox submissions never count, planted forgeries only for people who decide
(`live_decisions`). Every function that reads takes the viewer. What several figures of a page add up is read once:
`decisions_counted` and `scored_by_week`, whose rows the others take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from detection.voting import Verdict
from estimation.intervals import Rate, clopper_pearson_upper
from kyc_review.core.permissions import may_decide, may_see_insights
from kyc_review.review.audit_results import Audited, AuditWeek, audit_at, audits_by_bundle, audits_by_week
from kyc_review.review.decision_counts import (
    DECISION_COUNTS,
    HAS_CALL,
    IS_GOLD,
    with_first_calls,
    with_others_label,
)
from kyc_review.review.live_decisions import counted_for
from kyc_review.review.models import Decision, DecisionCount, ReviewItem
from kyc_review.scoring.counts import OPERATING_POINT, RESULT_COUNTS, scored
from kyc_review.submissions.models import Result

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# What people did with first calls, of rows of `first_calls`.
CALLS = {
    "apart": ~Q(first=F("models")),
    "followed": ~Q(first=F("models")) & Q(label=F("models")),
    "together": Q(first=F("models")),
    "left": Q(first=F("models")) & ~Q(label=F("models")),
}
# The same of counted decisions.
COUNTED_CALLS = {
    "apart": (DecisionCount.Call.FOLLOWED, DecisionCount.Call.KEPT),
    "followed": (DecisionCount.Call.FOLLOWED,),
    "together": (DecisionCount.Call.STAYED, DecisionCount.Call.LEFT),
    "left": (DecisionCount.Call.LEFT,),
}
LABEL_COLUMNS = {
    Decision.Label.REAL.value: "real",
    Decision.Label.FAKE.value: "fake",
    Decision.Label.NOT_ASSESSABLE.value: "unclear",
}
NUMBERS = ("scored", "flagged", "split")


def decisions_counted(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """How many (`number`) final decisions of each `week`, `label`, `reason` of the item, `call` and `pair`."""
    if not may_see_insights(viewer):
        return []
    which = _submissions_of(viewer) & Q(is_test=False)
    which = which if may_decide(viewer) else which & ~Q(reason=ReviewItem.Reason.GOLD)
    return DECISION_COUNTS.totals(
        since=since, by="week", keys=("label", "reason", "call", "pair"), which=which
    )


def labels_by_week(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of rows of `decisions_counted`, per week, the oldest first: `week`, `real`, `fake`, `unclear`, and `audit` of
    them."""
    weeks: dict[datetime, Counter[str]] = defaultdict(Counter)
    for row in rows:
        week = weeks[row["week"]]
        week[LABEL_COLUMNS[row["label"]]] += row["number"]
        week["audit"] += row["number"] if row["reason"] == ReviewItem.Reason.AUDIT else 0
    names = (*LABEL_COLUMNS.values(), "audit")
    return [{"week": week} | {name: weeks[week][name] for name in names} for week in sorted(weeks)]


@dataclass(frozen=True, slots=True)
class Version:
    """One bundle at one operating point on live traffic within the period, and the audit of everything it has cleared
    there."""

    version: str
    digest: str
    shift: float
    first: datetime
    last: datetime
    scored: int
    flagged: int
    split: int
    rejected: int
    audited: Audited | None


def scored_by_week(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """`scored`, `flagged`, `split`, `first` and `last` of each `week` and operating point."""
    if not may_see_insights(viewer):
        return []
    rows = scored(since=since, with_planted=may_decide(viewer), by="week", keys=(*OPERATING_POINT, "verdict"))
    return _sums(map(_by_verdict, rows), ("week", *OPERATING_POINT))


def versions(weeks: Iterable[Mapping[str, Any]], *, viewer: User, since: datetime) -> list[Version]:
    """Bundles that scored within the span, apart for each operating point, the latest first. weeks: of
    `scored_by_week`."""
    if not may_see_insights(viewer):
        return []
    audits = audits_by_bundle(viewer=viewer)
    rejected = _rejected(viewer, since)
    rows = sorted(_sums(weeks, OPERATING_POINT), key=lambda row: row["last"], reverse=True)
    return [
        Version(
            version=row["bundle_version"],
            digest=row["bundle_digest"],
            shift=row["shift"],
            audited=audit_at(audits, digest=row["bundle_digest"], shift=row["shift"]),
            first=row["first"],
            last=row["last"],
            scored=row["scored"],
            flagged=row["flagged"],
            split=row["split"],
            rejected=rejected.get(tuple(row[name] for name in OPERATING_POINT), 0),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Week:
    """One bundle's work at one operating point in one week; `bound` is the audit's upper bound for all that it cleared
    there until the week's end, None before the first decision."""

    week: datetime
    version: str
    digest: str
    shift: float
    first: datetime
    scored: int
    flagged: int
    split: int
    bound: float | None


def weeks_of_versions(weeks: Iterable[Mapping[str, Any]], *, viewer: User) -> list[Week]:
    """By the moment at which a bundle scored first in the week, so that versions follow each other. weeks: of
    `scored_by_week`."""
    if not may_see_insights(viewer):
        return []
    judged = audits_by_week(viewer=viewer)
    return [
        Week(
            week=row["week"],
            version=row["bundle_version"],
            digest=row["bundle_digest"],
            shift=row["shift"],
            first=row["first"],
            scored=row["scored"],
            flagged=row["flagged"],
            split=row["split"],
            bound=_bound(judged, row["week"], row["bundle_digest"], row["shift"]),
        )
        for row in sorted(weeks, key=lambda row: row["first"])
    ]


def _by_verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `scored` with what `_sums` adds up."""
    number, verdict = row["number"], row["verdict"]
    return {
        **row,
        "scored": number,
        "flagged": number if verdict != Verdict.CLEAR else 0,
        "split": number if verdict == Verdict.SPLIT_VOTE else 0,
    }


def _sums(rows: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """`scored`, `flagged`, `split`, `first` and `last` for each combination of the names."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        sums = found.setdefault(
            key, {name: row[name] for name in (*names, "first", "last")} | dict.fromkeys(NUMBERS, 0)
        )
        for name in NUMBERS:
            sums[name] += row[name]
        sums["first"], sums["last"] = min(sums["first"], row["first"]), max(sums["last"], row["last"])
    return list(found.values())


def _rejected(viewer: User, since: datetime) -> dict[tuple[Any, ...], int]:
    """How many were rejected for each operating point; results change, verdicts do not."""
    rows = RESULT_COUNTS.totals(
        since=since, keys=OPERATING_POINT, which=Q(result=Result.REJECTED) & _submissions_of(viewer)
    )
    return {tuple(row[name] for name in OPERATING_POINT): row["number"] for row in rows}


def _bound(judged: list[AuditWeek], week: datetime, digest: str, shift: float) -> float | None:
    until = [row for row in judged if (row.digest, row.shift) == (digest, shift) and row.week <= week]
    number = sum(row.judged for row in until)
    return clopper_pearson_upper(sum(row.fake for row in until), number) if number else None


@dataclass(frozen=True, slots=True)
class Bias:
    """What people did once they saw the votes: of `apart` first calls against the models `followed` were changed to
    what the models say; of `together` first calls with them `left` were changed away."""

    apart: int
    followed: int
    together: int
    left: int

    week: datetime | None = None


def automation_bias(weeks: Iterable[Bias]) -> Bias:
    """Over all the weeks."""
    weeks = list(weeks)
    return Bias(**{name: sum(getattr(week, name) for week in weeks) for name in CALLS})


def bias_by_week(rows: Iterable[Mapping[str, Any]]) -> list[Bias]:
    """Of rows of `decisions_counted`: over first calls of real or fake on scored faces that ended in real or fake by
    the same person. Weeks that had some, the oldest first."""
    weeks: dict[datetime, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["call"] != DecisionCount.Call.NONE:
            weeks[row["week"]][row["call"]] += row["number"]
    return [
        Bias(**{name: sum(calls[call] for call in of) for name, of in COUNTED_CALLS.items()}, week=week)
        for week, calls in sorted(weeks.items())
    ]


def first_calls(viewer: User, since: datetime, until: datetime | None = None) -> Any:
    """Decisions with the `first` call of the same person and what the `models` say, both real or fake."""
    return with_first_calls(_decisions(viewer, since, until)).filter(HAS_CALL)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many `pairs` of decisions by different people on one face there were, and how many were the `same`."""

    week: datetime
    pairs: int
    same: int

    @property
    def apart(self) -> int:
        return self.pairs - self.same

    @property
    def rate(self) -> Rate:
        return Rate(self.same, self.pairs)


def agreement_by_week(rows: Iterable[Mapping[str, Any]]) -> list[Agreement]:
    """Of rows of `decisions_counted`, by the week of the later look, the oldest first."""
    weeks: dict[datetime, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["pair"] != DecisionCount.Pair.NONE:
            weeks[row["week"]][row["pair"]] += row["number"]
    return [
        Agreement(week, pairs=pairs.total(), same=pairs[DecisionCount.Pair.SAME])
        for week, pairs in sorted(weeks.items())
    ]


def pairs(viewer: User, since: datetime, until: datetime | None = None) -> Any:
    """Decisions on faces that another person had decided on before, with `others_label`, the last of those."""
    rows = _decisions(viewer, since, until).exclude(IS_GOLD).filter(corrects=None)
    return with_others_label(rows).filter(others_label__isnull=False)


def _submissions_of(viewer: User) -> Q:
    """`counted_for`, of counts."""
    return Q() if may_decide(viewer) else Q(is_planted=False)


def _decisions(viewer: User, since: datetime | None, until: datetime | None = None) -> Any:
    rows = Decision.objects.final().filter(counted_for(viewer))
    rows = rows.filter(decided_at__gte=since) if since else rows
    rows = rows.filter(decided_at__lt=until) if until else rows
    return rows if may_decide(viewer) else rows.exclude(IS_GOLD)
