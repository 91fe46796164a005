"""What people said of the quality sample, counted by quarter hour: figures over years add these up.

Figures as of this morning are exact, too, because what changed since then is not counted in advance.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, FloatField, Min, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from kyc_review.core.db.rollups import NUMBER, Kept, Rollup
from kyc_review.core.db.slots import Slot
from kyc_review.review.models import (
    AuditCount,
    AuditCountMark,
    AuditDraw,
    AuditTouch,
    Decision,
    ReviewItem,
)

SETTLED_AFTER = timedelta(days=2)  # longer than today, and than a transaction is open


def draws_counted(until: datetime | None, *, by_week: bool = False) -> list[dict[str, Any]]:
    """Customers' cleared submissions that were drawn: `number` and `weight` for each combination of the keys, as it was
    at `until` or as it is. by_week: of the viewer's time zone, which each row then names as `week`.

    until: at most SETTLED_AFTER ago. The rows are in no order.
    """
    return AUDIT_COUNTS.totals(by="week" if by_week else "", directly=_drawn(until))


def draws_judged(outcome: AuditDraw.Outcome, until: datetime | None) -> Any:
    """Customers' submissions that were drawn, with the `label` of the last final decision, empty without one, and
    whether somebody still looks at the face (`waits`); as it was at `until`, or as it is."""
    rows = AuditDraw.objects.filter(outcome=outcome, submission__is_planted=False)
    said = Decision.objects.final().exclude(item__reason=ReviewItem.Reason.GOLD)
    undecided = ~Q(state=ReviewItem.State.DECIDED)
    looks = ReviewItem.objects.exclude(reason=ReviewItem.Reason.GOLD)
    if until is not None:
        rows, looks = rows.filter(drawn_at__lt=until), looks.filter(opened_at__lt=until)
        said, undecided = said.filter(item__decided_at__lt=until), undecided | Q(decided_at__gte=until)
    label = said.filter(submission=OuterRef("submission")).order_by("-pk").values("label")[:1]
    waits = looks.filter(undecided, submission=OuterRef("submission"))
    return rows.annotate(label=Coalesce(Subquery(label), Value("")), waits=Exists(waits))


def _drawn(until: datetime | None = None) -> Any:
    scored = draws_judged(AuditDraw.Outcome.CLEAR, until).filter(submission__scoring__isnull=False)
    return scored.annotate(
        slot=Slot("drawn_at"),
        digest=F("submission__scoring__bundle_digest"),
        version=F("submission__scoring__bundle_version"),
        shift=F("submission__scoring__shift"),
    )


def _first() -> datetime | None:
    drawn = AuditDraw.objects.filter(outcome=AuditDraw.Outcome.CLEAR)
    return drawn.aggregate(first=Min(Slot("drawn_at")))["first"]


AUDIT_COUNTS = Rollup(
    counts=AuditCount,
    mark=AuditCountMark,
    touches=AuditTouch,
    settled_after=SETTLED_AFTER,
    span=timedelta(days=7),
    keys=("digest", "version", "shift", "is_uniform", "label", "waits"),
    first=_first,
    directly=_drawn,
    moment="slot",  # as `audit_draw_by_slot` has it
    kept={
        "number": NUMBER,
        "weight": Kept(Sum("weight"), Sum(1.0 / F("probability"), output_field=FloatField())),
    },
)
