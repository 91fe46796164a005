"""What people said of the quality sample, counted once: figures over years add up quarter hours and read no draw again.

What is known of a draw changes: it is judged, judged again, corrected, erased. Triggers note the quarter hour of such a
draw in the same transaction (`AuditTouch`). A quarter hour is counted when nothing has changed in it for SETTLED_AFTER;
the others are counted from the draws themselves at each question. So figures are exact at every moment, also while no
worker counts, and those as of this morning, too, because what changed since then is not counted in advance.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, FloatField, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncWeek

from kyc_review.core.db.clock import database_now
from kyc_review.core.db.slots import Slot, slot_of
from kyc_review.review.models import (
    AuditCount,
    AuditCountMark,
    AuditDraw,
    AuditTouch,
    Decision,
    ReviewItem,
)

SETTLED_AFTER = timedelta(days=2)  # longer than today, and than a transaction is open
SPAN = timedelta(days=7)  # of one transaction
KEYS = ("digest", "version", "shift", "is_uniform", "label", "waits")


def draws_counted(until: datetime | None, *, by_week: bool = False) -> list[dict[str, Any]]:
    """Customers' cleared submissions that were drawn: `number` and `weight` for each combination of the keys, as it was
    at `until` or as it is. by_week: of the viewer's time zone, which each row then names as `week`.

    until: at most SETTLED_AFTER ago. The rows are in no order, and several may have the same keys.
    """
    mark = AuditCountMark.objects.first()
    end = mark.until if mark else None
    if end is None:
        return _summed(*_by(_drawn(until), "drawn_at", by_week))
    touched = list(AuditTouch.objects.values_list("slot", flat=True).distinct())
    counted, *names = _by(AuditCount.objects.filter(slot__lt=end).exclude(slot__in=touched), "slot", by_week)
    sums = counted.values(*names, *KEYS).annotate(number=Sum("number"), weight=Sum("weight"))
    rows = list(sums.order_by())
    # Apart, as the index reads each by itself.
    for rest in (Q(slot__gte=end), Q(slot__lt=end, slot__in=touched)):
        rows += _summed(*_by(_drawn(until).filter(rest), "drawn_at", by_week))
    return rows


def _by(rows: Any, column: str, by_week: bool) -> tuple[Any, ...]:
    """The rows, and the name of what they are counted by."""
    return (rows.annotate(week=TruncWeek(column)), "week") if by_week else (rows,)


def draws_judged(outcome: AuditDraw.Outcome, until: datetime | None) -> Any:
    """Customers' submissions that were drawn, with the `label` of the last final decision, and whether somebody still
    looks at the face (`waits`); as it was at `until`, or as it is."""
    rows = AuditDraw.objects.filter(outcome=outcome, submission__is_planted=False)
    said = Decision.objects.final().exclude(item__reason=ReviewItem.Reason.GOLD)
    undecided = ~Q(state=ReviewItem.State.DECIDED)
    looks = ReviewItem.objects.exclude(reason=ReviewItem.Reason.GOLD)
    if until is not None:
        rows, looks = rows.filter(drawn_at__lt=until), looks.filter(opened_at__lt=until)
        said, undecided = said.filter(item__decided_at__lt=until), undecided | Q(decided_at__gte=until)
    label = said.filter(submission=OuterRef("submission")).order_by("-pk").values("label")[:1]
    waits = looks.filter(undecided, submission=OuterRef("submission"))
    return rows.annotate(label=Subquery(label), waits=Exists(waits))


def _drawn(until: datetime | None) -> Any:
    scored = draws_judged(AuditDraw.Outcome.CLEAR, until).filter(submission__scoring__isnull=False)
    return scored.annotate(
        slot=Slot("drawn_at"),
        digest=F("submission__scoring__bundle_digest"),
        version=F("submission__scoring__bundle_version"),
        shift=F("submission__scoring__shift"),
    )


def _summed(rows: Any, *names: str) -> list[dict[str, Any]]:
    weight = Sum(1.0 / F("probability"), output_field=FloatField())
    found = rows.values(*names, *KEYS).annotate(number=Count("pk"), weight=weight).order_by()
    return [row | {"label": row["label"] or ""} for row in found]


def draws_count(*, spans: int = 200) -> int:
    """Count what is settled, at most `spans` weeks, and again what changed since it was counted; how many rows were
    written. Safe to repeat and to run twice."""
    AuditCountMark.objects.bulk_create([AuditCountMark()], ignore_conflicts=True)
    written = _touched_count()
    for _ in range(spans):
        with transaction.atomic():
            mark = AuditCountMark.objects.select_for_update(skip_locked=True).first()
            if mark is None:
                return written
            settled = slot_of(database_now() - SETTLED_AFTER)
            begin = mark.until or _first_slot()
            if begin is None or begin >= settled:
                return written
            mark.until = min(begin + SPAN, settled)
            written += len(_write(Q(slot__gte=begin, slot__lt=mark.until)))
            mark.save(update_fields=["until"])
    return written


@transaction.atomic
def _touched_count() -> int:
    """Forget changes older than SETTLED_AFTER, once their quarter hours are counted again."""
    mark = AuditCountMark.objects.select_for_update(skip_locked=True).first()
    if mark is None:
        return 0
    old = AuditTouch.objects.filter(at__lt=database_now() - SETTLED_AFTER)
    keys = list(old.values_list("pk", "slot"))
    slots = {slot for _, slot in keys if mark.until and slot < mark.until}
    AuditCount.objects.filter(slot__in=slots).delete()
    written = len(_write(Q(slot__in=slots))) if slots else 0
    AuditTouch.objects.filter(pk__in=[pk for pk, _ in keys]).delete()
    return written


@transaction.atomic
def draws_count_again() -> tuple[int, int]:
    """Count all that had been counted once more; (rows that were right, rows that were not and are now). A quarter hour
    that changed within SETTLED_AFTER does not count as wrong: it is read from the draws."""
    AuditCountMark.objects.bulk_create([AuditCountMark()], ignore_conflicts=True)
    mark = AuditCountMark.objects.select_for_update().get()
    touched = set(AuditTouch.objects.values_list("slot", flat=True))
    before = _values(AuditCount.objects.all(), but=touched)
    AuditCount.objects.all().delete()
    made = _write(Q(slot__lt=mark.until)) if mark.until else []
    after = _values(made, but=touched)
    return len(before & after), len(before ^ after)


def _values(rows: Iterable[AuditCount], *, but: set[datetime]) -> set[tuple[Any, ...]]:
    """The weight, a sum of floats, to nine digits: its last ones depend on the order of the draws."""
    return {
        (row.slot, *(getattr(row, name) for name in KEYS), row.number, f"{row.weight:.9g}")
        for row in rows
        if row.slot not in but
    }


def _first_slot() -> datetime | None:
    drawn = AuditDraw.objects.filter(outcome=AuditDraw.Outcome.CLEAR)
    return drawn.aggregate(first=Min(Slot("drawn_at")))["first"]


def _write(which: Q) -> list[AuditCount]:
    rows = _summed(_drawn(None).filter(which), "slot")
    return AuditCount.objects.bulk_create((AuditCount(**row) for row in rows), batch_size=1000)
