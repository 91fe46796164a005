"""One new row by a statement that is made once, for the rows that every request writes."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault


def insert(row: Model) -> None:
    """Write `row` as `save(force_insert=True)` does, and read back what the database chose; signals are passed by.

    Raises django.db.IntegrityError.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # the proxy `connection` looks it up for every value
    given: list[Field[Any, Any]] = []
    values = []
    for field in row._meta.concrete_fields:
        value = None if field.generated else field.pre_save(row, add=True)
        if field.generated or isinstance(value, DatabaseDefault) or (field.primary_key and value is None):
            continue
        given.append(field)
        values.append(field.get_db_prep_save(value, connection))
    sql, returned = _statement(type(row), tuple(given))
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(sql, values)
        if returned:
            for name, value in zip(returned, cursor.fetchone(), strict=True):
                setattr(row, name, value)
    row._state.adding, row._state.db = False, connection.alias


@cache
def _statement(model: type[Model], given: tuple[Field[Any, Any], ...]) -> tuple[str, tuple[str, ...]]:
    """The INSERT, and the attributes that it returns: whatever was not given."""
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    left = [field for field in model._meta.concrete_fields if field not in given]
    columns = ", ".join(quote(str(field.column)) for field in given)
    returning = ", ".join(quote(str(field.column)) for field in left)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(given))})"  # noqa: S608  (names of our own)
    return f"{sql} RETURNING {returning}" if left else sql, tuple(str(field.attname) for field in left)
