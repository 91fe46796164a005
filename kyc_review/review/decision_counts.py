"""What people decided, counted by quarter hour: figures over months and years add these up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, F, Min, OuterRef, Q, Subquery, Value, When

from kyc_review.core.db.rollups import Rollup
from kyc_review.core.db.slots import Slot
from kyc_review.review.models import (
    ASSESSED_LABELS,
    Decision,
    DecisionCount,
    DecisionCountMark,
    DecisionTouch,
    FirstCall,
    ReviewItem,
)

FLAGGED_RISK = 0.5  # from this risk on the votes together indicate fake (detection.voting.risk)
IS_GOLD = Q(item__reason=ReviewItem.Reason.GOLD)


def with_first_calls(decisions: Any) -> Any:
    """`first`, the first call of the same person, and `models`, what the votes say; each real or fake, or null."""
    calls = FirstCall.objects.filter(
        item=OuterRef("item"), reviewer=OuterRef("reviewer"), label__in=ASSESSED_LABELS
    )
    says = [
        When(submission__scoring__risk__gte=FLAGGED_RISK, then=Value(Decision.Label.FAKE)),
        When(submission__scoring__isnull=False, then=Value(Decision.Label.REAL)),
    ]
    return decisions.annotate(
        first=Subquery(calls.values("label")[:1]), models=Case(*says, output_field=CharField())
    )


def with_others_label(decisions: Any) -> Any:
    """`others_label`: of the last final decision before it by another person on the same face; null without one."""
    before = Decision.objects.final().exclude(IS_GOLD)
    before = before.filter(submission=OuterRef("submission"), pk__lt=OuterRef("pk"), corrects=None)
    others = before.exclude(reviewer=OuterRef("reviewer")).order_by("-pk").values("label")[:1]
    return decisions.annotate(others_label=Subquery(others))


# Of rows of `with_first_calls`: those that count in what people do with the votes.
HAS_CALL = Q(corrects=None, label__in=ASSESSED_LABELS, first__isnull=False, models__isnull=False)


def _decisions() -> Any:
    as_the_models, first_so = Q(label=F("models")), Q(first=F("models"))
    call = Case(
        When(~HAS_CALL, then=Value(DecisionCount.Call.NONE)),
        When(~first_so & as_the_models, then=Value(DecisionCount.Call.FOLLOWED)),
        When(~first_so, then=Value(DecisionCount.Call.KEPT)),
        When(as_the_models, then=Value(DecisionCount.Call.STAYED)),
        default=Value(DecisionCount.Call.LEFT),
        output_field=CharField(),
    )
    pair = Case(
        When(IS_GOLD | Q(corrects__isnull=False) | Q(others_label=None), then=Value(DecisionCount.Pair.NONE)),
        When(label=F("others_label"), then=Value(DecisionCount.Pair.SAME)),
        default=Value(DecisionCount.Pair.APART),
        output_field=CharField(),
    )
    rows = with_others_label(with_first_calls(Decision.objects.final()))
    return rows.annotate(
        slot=Slot("decided_at"),
        integration_id=F("submission__integration_id"),
        reason=F("item__reason"),
        is_test=F("submission__is_test"),
        is_planted=F("submission__is_planted"),
        call=call,
        pair=pair,
    )


def _first() -> datetime | None:
    return Decision.objects.aggregate(first=Min("decided_at"))["first"]


DECISION_COUNTS = Rollup(
    counts=DecisionCount,
    mark=DecisionCountMark,
    touches=DecisionTouch,
    settled_after=timedelta(hours=1),
    span=timedelta(days=7),
    keys=("integration_id", "reason", "label", "is_test", "is_planted", "call", "pair"),
    first=_first,
    directly=_decisions,
    moment="decided_at",
)
