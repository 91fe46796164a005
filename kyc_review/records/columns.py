"""What an exported table promises: its name, its version, and the columns in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Row: TypeAlias = tuple[Any, ...]


class Type(StrEnum):
    """How a value is written: as its own type in Parquet, as JSON in JSON Lines, as text in CSV."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"  # UTC, ISO 8601 with microseconds
    TEXTS = "list of texts"  # JSON in CSV
    RECORDS = "list of records"  # JSON in CSV
    OBJECT = "JSON object"  # its fields vary, so it is a JSON text in CSV and in Parquet


@dataclass(frozen=True, slots=True)
class Column:
    """`fields`: of each record in a list of records."""

    name: str
    type: Type
    meaning: _StrPromise
    fields: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, both included."""

    since: date
    until: date

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """The first and the last microsecond."""
        return datetime.combine(self.since, time.min, UTC), datetime.combine(self.until, time.max, UTC)


@dataclass(frozen=True, slots=True)
class Table:
    """A change of the columns' meaning, a removed or renamed one is a new `version`; new ones are added at the end.

    rows: the rows of a period, oldest first, read piece by piece. The caller has checked who asks.
    """

    name: str
    version: int
    title: _StrPromise
    columns: tuple[Column, ...]
    rows: Callable[[Period], Iterator[Row]]

    @property
    def schema(self) -> str:
        return f"kyc-review/{self.name}/{self.version}"
