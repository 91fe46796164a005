"""The few hot statements that are written as SQL, because building their queryset costs more than running them.

The server prepares them: it plans each once per connection. Values are named, `%(person)s`, and never part of the text.
A statement names tables of its own app only. Everything else is a queryset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models

M = TypeVar("M", bound=models.Model)
Values = Mapping[str, Any]


def fetch_all(sql: str, values: Values) -> list[tuple[Any, ...]]:
    """The rows that the statement returns."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def fetch_one(sql: str, values: Values) -> tuple[Any, ...] | None:
    """The only row that the statement returns, if there is one."""
    rows = fetch_all(sql, values)
    return rows[0] if rows else None


def change(sql: str, values: Values) -> int:
    """How many rows the statement changed."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def columns(model: type[models.Model], alias: str) -> str:
    """All columns of a model, for a SELECT whose rows `instance` turns into objects."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def instance(model: type[M], values: Sequence[Any]) -> M:
    """The object of a row of `columns`. For models whose columns need no conversion (no JSON)."""
    names = [str(field.attname) for field in model._meta.concrete_fields]
    return model.from_db(DEFAULT_DB_ALIAS, names, values)
