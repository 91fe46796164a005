"""Counts by quarter hour that a worker keeps: figures over years add up few rows and read no history again.

A quarter hour is counted when it is over since `settled_after`. Where what is counted can change later, triggers note
the quarter hour in the same transaction (a *touch*); it is counted again when nothing has changed in it for as long.
What is not counted, or touched, is counted directly at each question: figures are exact at every moment, also while no
worker counts. Quarter hours, because days begin at one in every time zone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now, Trunc

from kyc_review.core.db.clock import database_now
from kyc_review.core.db.slots import SLOT, slot_of
from kyc_review.core.stopping import is_stopping

if TYPE_CHECKING:
    Range = tuple[datetime, datetime]


class CountMark(models.Model):
    """The one row that says up to when all is counted; the workers that count lock it."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    until = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"counted until {self.until}"


class Touch(models.Model):
    """Something changed what is counted in this quarter hour; triggers write it in the same transaction."""

    slot = models.DateTimeField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.slot} at {self.at}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A column of the counts: how it is made of their rows, how of what is counted, and how two are one."""

    counted: models.Aggregate
    directly: models.Aggregate
    added: Callable[[Any, Any], Any] = operator.add


NUMBER = Kept(models.Sum("number"), models.Count("pk"))


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table of counts.

    counts: the model of its rows, with `slot`, the keys and the columns of `kept`. touches: None where nothing that is
    counted can change. settled_after: longer than a transaction is open. span: of one transaction. first: the time of
    the first thing to count. directly: what is counted, with `slot` and the keys as columns or annotations. moment: the
    one of these that its index of time begins with.
    """

    counts: type[models.Model]
    mark: type[CountMark]
    touches: type[Touch] | None
    settled_after: timedelta
    span: timedelta
    keys: tuple[str, ...]
    first: Callable[[], datetime | None]
    directly: Callable[[], Any]
    moment: str
    kept: Mapping[str, Kept] = field(default_factory=lambda: {"number": NUMBER})

    def totals(
        self,
        *,
        since: datetime | None = None,
        keys: tuple[str, ...] | None = None,
        by: str = "",
        which: Q | None = None,
        directly: Any = None,
    ) -> list[dict[str, Any]]:
        """One row for each combination of the keys (all by default) with the columns of `kept`, in no order.

        since: None for all there is. by: "day" or "week" of the viewer's time zone, which each row then names. which: a
        condition on keys. directly: in place of the rollup's own, where what is not counted is asked for differently.
        """
        names = (*((by,) if by else ()), *(self.keys if keys is None else keys))
        which = which or Q()
        counted, rest = self._parts(since)
        of_counts = {name: kept.counted for name, kept in self.kept.items()}
        found = list(_by(counted.filter(which), by).values(*names).annotate(**of_counts).order_by())
        rows = self.directly() if directly is None else directly
        for part in rest:  # apart, as the index reads each by itself
            found += self._summed(_by(rows.filter(part).filter(which), by), names)
        return self._added(found, names)

    def _parts(self, since: datetime | None) -> tuple[Any, list[Q]]:
        """Rows of counts that hold, and conditions on what is counted directly; they share nothing."""
        rows, mark = self.counts._default_manager, self.mark._default_manager.first()
        begin = slot_of(since + SLOT - timedelta(microseconds=1)) if since else None
        end = mark.until if mark else None
        if end is None or (begin and end <= begin):
            return rows.none(), [self._from(since)]
        touched = {slot for slot in self._touched() if slot < end and (begin is None or slot >= begin)}
        holds = Q(slot__lt=end) if begin is None else Q(slot__gte=begin, slot__lt=end)
        rest = [self._from(end)]
        if since and begin and since < begin:
            rest.append(self._within([(since, begin)]))
        if touched:
            rest.append(self._within(_ranges(touched)))
        return rows.filter(holds).exclude(slot__in=touched), rest

    def _summed(self, rows: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
        sums = {name: kept.directly for name, kept in self.kept.items()}
        return list(rows.values(*names).annotate(**sums).order_by())

    def _added(self, rows: Iterable[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Rows of the same names are one."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            other = found.setdefault(tuple(row[name] for name in names), row)
            if other is not row:
                other |= {name: kept.added(other[name], row[name]) for name, kept in self.kept.items()}
        return list(found.values())

    def count(self, *, spans: int = 400) -> int:
        """Count what is settled, at most `spans` spans, and again what changed since it was counted; how many rows were
        written. A worker that was told to stop ends after a span. Safe to repeat and to run twice."""
        self._ensure_mark()
        written = self._count_touched()
        for _ in range(spans):
            if is_stopping():  # at the first time, years of spans would outlast the worker's grace
                return written
            with transaction.atomic():
                mark = self._locked()
                if mark is None:
                    return written
                settled = slot_of(database_now() - self.settled_after)
                first = None if mark.until else self.first()
                begin = mark.until or (slot_of(first) if first else None)
                if begin is None or begin >= settled:
                    return written
                mark.until = min(begin + self.span, settled)
                written += len(self._write([(begin, mark.until)]))
                mark.save(update_fields=["until"])
        return written

    @transaction.atomic
    def count_again(self) -> tuple[int, int]:
        """Count all that had been counted once more; (rows that were right, rows that were not and are now). A touched
        quarter hour does not count as wrong: it is counted directly."""
        self._ensure_mark()
        mark = self.mark._default_manager.select_for_update().get()
        touched = self._touched()
        before = self._values(self.counts._default_manager.all(), but=touched)
        self.counts._default_manager.all().delete()
        first = self.first()
        made = self._write([(slot_of(first), mark.until)]) if first and mark.until else []
        after = self._values(made, but=touched)
        return len(before & after), len(before ^ after)

    @transaction.atomic
    def _count_touched(self) -> int:
        """Forget changes older than `settled_after`, once their quarter hours are counted again."""
        mark = self._locked()
        if mark is None or self.touches is None:
            return 0
        old = self.touches._default_manager.filter(at__lt=database_now() - self.settled_after)
        keys = list(old.values_list("pk", "slot"))
        slots = {slot for _, slot in keys if mark.until and slot < mark.until}
        self.counts._default_manager.filter(slot__in=slots).delete()
        written = len(self._write(_ranges(slots))) if slots else 0
        self.touches._default_manager.filter(pk__in=[pk for pk, _ in keys]).delete()
        return written

    def _ensure_mark(self) -> None:
        self.mark._default_manager.bulk_create([self.mark()], ignore_conflicts=True)

    def _locked(self) -> CountMark | None:
        """None while another worker counts."""
        return self.mark._default_manager.select_for_update(skip_locked=True).first()

    def _touched(self) -> set[datetime]:
        if self.touches is None:
            return set()
        return set(self.touches._default_manager.values_list("slot", flat=True).distinct())

    def _write(self, ranges: Iterable[Range]) -> list[Any]:
        rows = self._summed(self.directly().filter(self._within(ranges)), ("slot", *self.keys))
        return self.counts._default_manager.bulk_create((self.counts(**row) for row in rows), batch_size=1000)

    def _from(self, since: datetime | None) -> Q:
        return Q(**{f"{self.moment}__gte": since}) if since else Q()

    def _within(self, ranges: Iterable[Range]) -> Q:
        found = Q()
        for begin, end in ranges:
            found |= Q(**{f"{self.moment}__gte": begin, f"{self.moment}__lt": end})
        return found

    def _values(self, rows: Iterable[Any], *, but: Collection[datetime]) -> set[tuple[Any, ...]]:
        """Floats to nine digits: the last ones of a sum depend on the order."""
        names = [field.attname for field in self.counts._meta.concrete_fields if not field.primary_key]
        return {
            tuple(f"{value:.9g}" if isinstance(value, float) else value for value in values)
            for row in rows
            if row.slot not in but and (values := [getattr(row, name) for name in names])
        }


def _ranges(slots: Iterable[datetime]) -> list[Range]:
    """Quarter hours as few ranges [begin, end)."""
    found: list[Range] = []
    for slot in sorted(slots):
        if found and found[-1][1] == slot:
            found[-1] = (found[-1][0], slot + SLOT)
        else:
            found.append((slot, slot + SLOT))
    return found


def _by(rows: Any, by: str) -> Any:
    return rows.annotate(**{by: Trunc("slot", by)}) if by else rows
