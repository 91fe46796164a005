"""How many pictures were scored, counted once: figures over months add up quarter hours and read no verdict again.

A verdict never changes, so a quarter hour is counted for good SETTLED_AFTER its end; what came later is counted from
the verdicts themselves at each question. So figures are exact at every moment, also while no worker counts. Days begin
at a quarter hour in every time zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Min, Sum
from django.db.models.functions import Trunc

from kyc_review.core.db.clock import database_now
from kyc_review.core.db.slots import SLOT, Slot, slot_of
from kyc_review.scoring.models import Scoring, ScoringCount, ScoringCountMark
from kyc_review.scoring.selectors import needs_person

SETTLED_AFTER = timedelta(hours=1)  # longer than a clock is ahead or a transaction is open
SPAN = timedelta(days=1)  # of one transaction
KEYS = ("bundle_digest", "bundle_version", "shift", "verdict", "for_person")


def scorings_count(*, spans: int = 400) -> int:
    """Count what is settled, at most `spans` days; how many rows were written. Safe to repeat and to run twice."""
    written = 0
    ScoringCountMark.objects.bulk_create([ScoringCountMark()], ignore_conflicts=True)
    for _ in range(spans):
        with transaction.atomic():
            mark = ScoringCountMark.objects.select_for_update(skip_locked=True).first()
            if mark is None:
                return written
            settled = slot_of(database_now() - SETTLED_AFTER)
            begin = mark.until or _first_slot()
            if begin is None or begin >= settled:
                return written
            mark.until = min(begin + SPAN, settled)
            written += len(_write(begin, mark.until))
            mark.save(update_fields=["until"])
    return written


@transaction.atomic
def scorings_count_again() -> tuple[int, int]:
    """Count all that had been counted once more; (rows that were right, rows that were not and are now)."""
    ScoringCountMark.objects.bulk_create([ScoringCountMark()], ignore_conflicts=True)
    mark = ScoringCountMark.objects.select_for_update().get()
    begin = _first_slot()
    before = {_values(row) for row in ScoringCount.objects.all()}
    ScoringCount.objects.all().delete()
    made = _write(begin, mark.until) if begin and mark.until else []
    after = {_values(row) for row in made}
    return len(before & after), len(before ^ after)


def _values(row: ScoringCount) -> tuple[Any, ...]:
    return tuple(getattr(row, field.name) for field in row._meta.fields if field.name != "id")


def _first_slot() -> datetime | None:
    first = Scoring.objects.aggregate(first=Min("scored_at"))["first"]
    return slot_of(first) if first else None


def _write(begin: datetime, end: datetime) -> list[ScoringCount]:
    """begin, end: of quarter hours."""
    rows = (
        _live(Scoring.objects.filter(scored_at__gte=begin, scored_at__lt=end), with_planted=True)
        .annotate(slot=Slot("scored_at"), for_person=needs_person(), is_planted=F("submission__is_planted"))
        .values("slot", *KEYS, "is_planted")
        .annotate(number=Count("pk"), first=Min("scored_at"), last=Max("scored_at"))
    )
    return ScoringCount.objects.bulk_create(ScoringCount(**row) for row in rows)


def scored(*, since: datetime, with_planted: bool, by: str = "", keys: tuple[str, ...] = KEYS) -> Any:
    """Live pictures that were scored since then: `number`, `first` and `last` for each combination of the keys.

    by: "day" or "week" of the viewer's time zone, which each row then names. The rows are in no order.
    """
    begin = slot_of(since + SLOT - timedelta(microseconds=1))
    mark = ScoringCountMark.objects.first()
    until = max(begin, mark.until) if mark and mark.until else begin
    counted: Any = ScoringCount.objects.filter(slot__gte=begin, slot__lt=until)
    counted = counted if with_planted else counted.filter(is_planted=False)
    names = (*((by,) if by else ()), *keys)
    of_slots = {"number": Sum("number"), "first": Min("first"), "last": Max("last")}
    rows = list(_by(counted, by, "slot").values(*names).annotate(**of_slots).order_by())
    # The quarter hour in which the span begins, and what is not counted yet; apart, as an index reads each by itself.
    directly: Any = _live(Scoring.objects.annotate(for_person=needs_person()), with_planted=with_planted)
    of_verdicts = {"number": Count("pk"), "first": Min("scored_at"), "last": Max("scored_at")}
    for rest in (
        directly.filter(scored_at__gte=since, scored_at__lt=begin),
        directly.filter(scored_at__gte=until),
    ):
        rows += _by(rest, by, "scored_at").values(*names).annotate(**of_verdicts).order_by()
    return _added(names, rows)


def _by(rows: Any, by: str, column: str) -> Any:
    return rows.annotate(**{by: Trunc(column, by)}) if by else rows


def _added(names: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the same names added up."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        other = found.setdefault(tuple(row[name] for name in names), row)
        if other is not row:
            other["number"] += row["number"]
            other["first"], other["last"] = min(other["first"], row["first"]), max(other["last"], row["last"])
    return list(found.values())


def _live(rows: Any, *, with_planted: bool) -> Any:
    rows = rows.filter(submission__is_test=False)
    return rows if with_planted else rows.filter(submission__is_planted=False)
