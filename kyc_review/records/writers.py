"""CSV, JSON Lines and Parquet, a bounded number of rows at a time."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from kyc_review.core.errors import DomainError
from kyc_review.records.columns import Column, Row, Table, Type

# What spreadsheets take for the beginning of a formula; OWASP, "CSV Injection".
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
JSON_TYPES = (Type.TEXTS, Type.RECORDS, Type.OBJECT)
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=False).encode


class Format(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


class FormatUnavailable(DomainError):
    """The server lacks the library that writes this format."""

    code, status = "format_unavailable", 501


class Writer(Protocol):
    """What `begin`, `batch` and `end` return is the file, in this order. rows_at_once: the most rows of a batch."""

    media_type: str
    rows_at_once: int

    def begin(self) -> bytes: ...

    def batch(self, rows: Sequence[Row]) -> bytes: ...

    def end(self) -> bytes: ...


def has_parquet() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def writer_of(table: Table, format: Format) -> Writer:
    """Raises FormatUnavailable."""
    if format == Format.CSV:
        return CsvWriter(table)
    if format == Format.JSON_LINES:
        return JsonLinesWriter(table)
    if not has_parquet():
        raise FormatUnavailable(
            "Parquet needs the package pyarrow, which this server does not have. Install the extra `parquet` "
            "(docs/records.md), or choose csv or jsonl."
        )
    return ParquetWriter(table)


def moment(value: datetime) -> str:
    """UTC, ISO 8601: `2026-11-27T04:00:00.000000Z`."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class CsvWriter:
    """RFC 4180 in UTF-8 with a header line. A text that a spreadsheet would run begins with an apostrophe."""

    media_type, rows_at_once = "text/csv; charset=utf-8", 500

    def __init__(self, table: Table) -> None:
        self._columns = table.columns

    def begin(self) -> bytes:
        return self._lines([[column.name for column in self._columns]])

    def batch(self, rows: Sequence[Row]) -> bytes:
        return self._lines([list(map(_cell, self._columns, row)) for row in rows])

    def end(self) -> bytes:
        return b""

    def _lines(self, rows: list[list[str]]) -> bytes:
        file = io.StringIO()
        csv.writer(file).writerows(rows)
        return file.getvalue().encode()


def _cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    match column.type:
        case Type.TIME:
            return moment(value)
        case Type.BOOLEAN:
            return "true" if value else "false"
        case Type.INTEGER | Type.NUMBER:
            return repr(value)
    text = _json(value) if column.type in JSON_TYPES else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


class JsonLinesWriter:
    """One JSON object a line."""

    media_type, rows_at_once = "application/x-ndjson", 500

    def __init__(self, table: Table) -> None:
        self._names = [column.name for column in table.columns]
        self._times = [place for place, column in enumerate(table.columns) if column.type == Type.TIME]

    def begin(self) -> bytes:
        return b""

    def batch(self, rows: Sequence[Row]) -> bytes:
        return "".join(map(self._line, rows)).encode()

    def end(self) -> bytes:
        return b""

    def _line(self, row: Row) -> str:
        values = list(row)
        for place in self._times:
            values[place] = values[place] and moment(values[place])
        return _json(dict(zip(self._names, values, strict=True))) + "\n"


class ParquetWriter:
    """Row groups of `rows_at_once`, compressed with Zstandard; the table's schema is named in the metadata."""

    media_type, rows_at_once = "application/vnd.apache.parquet", 5000

    def __init__(self, table: Table) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._columns, self._pa = table.columns, pa
        names = [(column.name, _arrow(pa, column)) for column in table.columns]
        self._schema = pa.schema(names, metadata={"schema": table.schema})
        self._outbox = io.BytesIO()
        sink = pa.PythonFile(_Sink(self._outbox), mode="w")
        self._writer = parquet.ParquetWriter(sink, self._schema, compression="zstd")

    def begin(self) -> bytes:
        return b""

    def batch(self, rows: Sequence[Row]) -> bytes:
        pa = self._pa
        arrays = [
            pa.array([_arrow_value(column, row[place]) for row in rows], type=self._schema.field(place).type)
            for place, column in enumerate(self._columns)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=len(rows))
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._outbox.getvalue()
        self._outbox.seek(0)
        self._outbox.truncate()
        return taken


class _Sink(io.RawIOBase):
    """The file that pyarrow writes to; the outbox is emptied between its writes, so it counts the bytes itself."""

    def __init__(self, outbox: io.BytesIO) -> None:
        self._outbox, self._written = outbox, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = self._outbox.write(data)
        self._written += written
        return written

    def tell(self) -> int:
        return self._written


def _arrow(pa: Any, column: Column) -> Any:
    match column.type:
        case Type.INTEGER:
            return pa.int64()
        case Type.NUMBER:
            return pa.float64()
        case Type.BOOLEAN:
            return pa.bool_()
        case Type.TIME:
            return pa.timestamp("us", tz="UTC")
        case Type.TEXTS:
            return pa.list_(pa.string())
        case Type.RECORDS:
            return pa.list_(pa.struct([(field.name, _arrow(pa, field)) for field in column.fields]))
    return pa.string()


def _arrow_value(column: Column, value: Any) -> Any:
    return _json(value) if column.type == Type.OBJECT and value is not None else value
