"""Monitoring of models and decisions. Sandbox submissions never count, planted forgeries only for people who decide
(`live_decisions`). Every function takes the viewer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, Count, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import TruncWeek

from detection.voting import Verdict
from estimation.intervals import Rate, clopper_pearson_upper
from kyc_review.core.permissions import may_decide, may_see_insights
from kyc_review.review.audit_results import Audited, AuditWeek, audit_at, audits_by_bundle, audits_by_week
from kyc_review.review.live_decisions import counted_for
from kyc_review.review.models import ASSESSED_LABELS, Decision, FirstCall, ReviewItem
from kyc_review.scoring.counts import scored
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Result

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# What people did with first calls; a column of `first_calls`.
CALLS = {
    "apart": ~Q(first=F("models")),
    "followed": ~Q(first=F("models")) & Q(label=F("models")),
    "together": Q(first=F("models")),
    "left": Q(first=F("models")) & ~Q(label=F("models")),
}
BIAS = {name: Count("pk", filter=which) for name, which in CALLS.items()}
OPERATING_POINT = ("bundle_digest", "bundle_version", "shift")
NUMBERS = ("scored", "flagged", "split")
FLAGGED = 0.5  # from this risk on the votes together indicate fake (detection.voting.risk)


def labels_by_week(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Final decisions per week, the oldest first: `week`, `real`, `fake`, `unclear`, and `audit` of them."""
    if not may_see_insights(viewer):
        return []
    rows = (
        _decisions(viewer, since)
        .annotate(week=TruncWeek("decided_at"))
        .values("week")
        .annotate(
            real=Count("pk", filter=Q(label=Decision.Label.REAL)),
            fake=Count("pk", filter=Q(label=Decision.Label.FAKE)),
            unclear=Count("pk", filter=Q(label=Decision.Label.NOT_ASSESSABLE)),
            audit=Count("pk", filter=Q(item__reason=ReviewItem.Reason.AUDIT)),
        )
    )
    return list(rows.order_by("week"))


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


def versions(*, viewer: User, since: datetime) -> list[Version]:
    """Bundles that scored within the span, apart for each operating point, the latest first."""
    if not may_see_insights(viewer):
        return []
    audits = audits_by_bundle(viewer=viewer)
    rejected = _rejected(viewer, since)
    rows = _sums(scored(since=since, with_planted=may_decide(viewer)), OPERATING_POINT)
    rows = sorted(rows, key=lambda row: row["last"], reverse=True)
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


def weeks_of_versions(*, viewer: User, since: datetime) -> list[Week]:
    """By the moment at which a bundle scored first in the week, so that versions follow each other."""
    if not may_see_insights(viewer):
        return []
    rows = scored(since=since, with_planted=may_decide(viewer), by="week")
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
        for row in sorted(_sums(rows, ("week", *OPERATING_POINT)), key=lambda row: row["first"])
    ]


def _sums(rows: Iterable[dict[str, Any]], names: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    """`scored`, `flagged`, `split`, `first` and `last` for each combination of the names, of rows of `scored`."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        sums = found.setdefault(
            key, {name: row[name] for name in (*names, "first", "last")} | dict.fromkeys(NUMBERS, 0)
        )
        sums["scored"] += row["number"]
        sums["flagged"] += row["number"] if row["verdict"] != Verdict.CLEAR else 0
        sums["split"] += row["number"] if row["verdict"] == Verdict.SPLIT_VOTE else 0
        sums["first"], sums["last"] = min(sums["first"], row["first"]), max(sums["last"], row["last"])
    return found.values()


def _rejected(viewer: User, since: datetime) -> dict[tuple[Any, ...], int]:
    """How many were rejected for each operating point, from the index of those; results change, verdicts do not."""
    rows: Any = Scoring.objects.filter(
        counted_for(viewer), scored_at__gte=since, submission__result=Result.REJECTED
    )
    counted = rows.values(*OPERATING_POINT).annotate(number=Count("pk"))
    return {tuple(row[name] for name in OPERATING_POINT): row["number"] for row in counted}


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


def automation_bias(*, viewer: User, since: datetime) -> Bias:
    """Over first calls of real or fake on scored faces that ended in real or fake by the same person."""
    if not may_see_insights(viewer):
        return Bias(0, 0, 0, 0)
    return Bias(**first_calls(viewer, since).aggregate(**BIAS))


def bias_by_week(*, viewer: User, since: datetime) -> list[Bias]:
    """The bias of first calls in each week that had some, the oldest week first."""
    if not may_see_insights(viewer):
        return []
    rows = first_calls(viewer, since).annotate(week=TruncWeek("decided_at")).values("week").annotate(**BIAS)
    return [Bias(**row) for row in rows.order_by("week")]


def first_calls(viewer: User, since: datetime, until: datetime | None = None) -> Any:
    """Decisions with the `first` call of the same person and what the `models` say, both real or fake."""
    first = FirstCall.objects.filter(item=OuterRef("item"), reviewer=OuterRef("reviewer"))
    return (
        _decisions(viewer, since, until)
        .filter(corrects=None, label__in=ASSESSED_LABELS, submission__scoring__isnull=False)
        .annotate(
            first=Subquery(first.values("label")[:1]),
            models=Case(
                When(submission__scoring__risk__gte=FLAGGED, then=Value(Decision.Label.FAKE)),
                default=Value(Decision.Label.REAL),
                output_field=CharField(),
            ),
        )
        .filter(first__in=ASSESSED_LABELS)
    )


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


def agreement_by_week(*, viewer: User, since: datetime) -> list[Agreement]:
    """By the week of the later look, the oldest first."""
    if not may_see_insights(viewer):
        return []
    rows = pairs(viewer, since).annotate(week=TruncWeek("decided_at")).values("week")
    counted = rows.annotate(pairs=Count("pk"), same=Count("pk", filter=Q(label=F("others_label"))))
    return [Agreement(**row) for row in counted.order_by("week")]


def pairs(viewer: User, since: datetime, until: datetime | None = None) -> Any:
    """Decisions on faces that another person had decided on before, with `others_label`, the last of those."""
    is_gold = Q(item__reason=ReviewItem.Reason.GOLD)
    before = _decisions(viewer, None).exclude(is_gold)
    before = before.filter(submission=OuterRef("submission"), pk__lt=OuterRef("pk"), corrects=None)
    others = before.exclude(reviewer=OuterRef("reviewer")).order_by("-pk").values("label")[:1]
    rows = (
        _decisions(viewer, since, until)
        .exclude(is_gold)
        .filter(corrects=None)
        .annotate(others_label=Subquery(others))
    )
    return rows.filter(others_label__isnull=False)


def _decisions(viewer: User, since: datetime | None, until: datetime | None = None) -> Any:
    rows = Decision.objects.final().filter(counted_for(viewer))
    rows = rows.filter(decided_at__gte=since) if since else rows
    rows = rows.filter(decided_at__lt=until) if until else rows
    return rows if may_decide(viewer) else rows.exclude(item__reason=ReviewItem.Reason.GOLD)
