"""Inserts rows with a statement that is built once, for rows that every request writes."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault

# A model and those of its columns that are given.
Shape = tuple[type[Model], tuple[str, ...]]


def insert(row: Model, *others: Model) -> None:
    """Write `row` as `save(force_insert=True)` does and read back what the database chose; signals are passed by.

    `others` are written by the same statement, and learn nothing of what the database chose. Raises
    django.db.IntegrityError; then nothing was written.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # the proxy `connection` looks it up for every value
    shapes: list[Shape] = []
    values: list[Any] = []
    for one in (*others, row):
        columns = []
        for field in one._meta.concrete_fields:
            value = None if field.generated else field.pre_save(one, add=True)
            if field.generated or isinstance(value, DatabaseDefault) or (field.primary_key and value is None):
                continue
            columns.append(str(field.column))
            values.append(field.get_db_prep_save(value, connection))
        shapes.append((type(one), tuple(columns)))
    sql, left = _statement(tuple(shapes))
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(sql, values)
        if left:
            for name, value in zip(left, cursor.fetchone(), strict=True):
                setattr(row, name, value)
    row._state.adding, row._state.db = False, connection.alias


@cache
def _statement(shapes: tuple[Shape, ...]) -> tuple[str, tuple[str, ...]]:
    """The statement, and the last row's attributes that it returns: whatever was not given."""
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    parts = []
    for model, given in shapes:
        columns, places = ", ".join(map(quote, given)), ", ".join(["%s"] * len(given))
        parts.append(f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})")  # noqa: S608  (names of our own)
    *before, sql = parts
    if before:
        others = ", ".join(f"other_{number} AS ({part})" for number, part in enumerate(before))
        sql = f"WITH {others} {sql}"
    model, given = shapes[-1]
    left = [field for field in model._meta.concrete_fields if str(field.column) not in given]
    if left:
        sql += f" RETURNING {', '.join(quote(str(field.column)) for field in left)}"
    return sql, tuple(str(field.attname) for field in left)
