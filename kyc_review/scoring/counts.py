"""How many pictures were scored, and what became of those that a person saw, counted by quarter hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Case, CharField, F, Max, Min, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from detection.voting import Verdict
from kyc_review.core.db.rollups import NUMBER, Kept, Rollup
from kyc_review.core.db.slots import Slot
from kyc_review.scoring.models import (
    ResultCount,
    ResultCountMark,
    ResultTouch,
    Scoring,
    ScoringCount,
    ScoringCountMark,
    Vote,
)
from kyc_review.scoring.selectors import needs_person
from kyc_review.submissions.models import Result

SETTLED_AFTER = timedelta(hours=1)  # longer than a clock is ahead or a transaction is open
SPAN = timedelta(days=1)
OPERATING_POINT = ("bundle_digest", "bundle_version", "shift")
KEYS = (*OPERATING_POINT, "verdict", "for_person")


def _first() -> datetime | None:
    return Scoring.objects.aggregate(first=Min("scored_at"))["first"]


def _live() -> Any:
    return Scoring.objects.filter(submission__is_test=False).annotate(
        slot=Slot("scored_at"), is_planted=F("submission__is_planted")
    )


def _scored() -> Any:
    return _live().annotate(for_person=needs_person())


def _with_results() -> Any:
    """Rejected ones, and those cleared by a person although not all votes say real; `pattern`: 1 for each vote for
    fake, 0 for each other, in their order; empty where all say real."""
    digit = Case(When(is_fake=True, then=Value("1")), default=Value("0"))
    votes = Vote.objects.filter(scoring=OuterRef("pk")).order_by().values("scoring")
    pattern = Subquery(votes.annotate(digits=StringAgg(digit, "", order_by="position")).values("digits"))
    by_person = Q(submission__result=Result.CLEAR) & ~Q(verdict=Verdict.CLEAR)
    return (
        _live()
        .filter(Q(submission__result=Result.REJECTED) | by_person)
        .annotate(
            result=F("submission__result"),
            pattern=Case(
                When(verdict=Verdict.CLEAR, then=Value("")),
                default=Coalesce(pattern, Value("")),
                output_field=CharField(),
            ),
        )
    )


# A verdict never changes.
SCORING_COUNTS = Rollup(
    counts=ScoringCount,
    mark=ScoringCountMark,
    touches=None,
    settled_after=SETTLED_AFTER,
    span=SPAN,
    keys=(*KEYS, "is_planted"),
    first=_first,
    directly=_scored,
    moment="scored_at",
    kept={
        "number": NUMBER,
        "first": Kept(Min("first"), Min("scored_at"), min),
        "last": Kept(Max("last"), Max("scored_at"), max),
    },
)
# A result can be corrected.
RESULT_COUNTS = Rollup(
    counts=ResultCount,
    mark=ResultCountMark,
    touches=ResultTouch,
    settled_after=SETTLED_AFTER,
    span=SPAN,
    keys=(*OPERATING_POINT, "pattern", "result", "is_planted"),
    first=_first,
    directly=_with_results,
    moment="scored_at",
)


def scored(*, since: datetime, with_planted: bool, by: str = "", keys: tuple[str, ...] = KEYS) -> Any:
    """Live pictures that were scored since then: `number`, `first` and `last` for each combination of the keys.

    by: "day" or "week" of the viewer's time zone, which each row then names. The rows are in no order.
    """
    which = Q() if with_planted else Q(is_planted=False)
    return SCORING_COUNTS.totals(since=since, keys=keys, by=by, which=which)
