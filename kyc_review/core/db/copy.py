"""Inserts rows by COPY, for tables that get rows with each selfie, because an INSERT's placeholders are costly."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from psycopg.sql import SQL, Identifier


def copy_in(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows in the running transaction; constraints hold as for an INSERT, `save` and signals are passed by.

    fields: names of the model's fields, in the order of the values. Raises django.db.IntegrityError.
    """
    names = {field.name: field.column for field in model._meta.concrete_fields}
    _copy(model, [names[name] or name for name in fields], rows)


def copy_rows(rows: Iterable[Model]) -> None:
    """`copy_in` for unsaved objects of one model; they learn neither their key nor what the database chose."""
    rows = list(rows)
    if not rows:
        return
    model = type(rows[0])
    fields: list[Field[Any, Any]] = [
        field
        for field in model._meta.concrete_fields
        if not (field.generated or field.primary_key or field.has_db_default())
    ]
    columns = [field.column or field.name for field in fields]
    prepared = (
        [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
        for row in rows
    )
    _copy(model, columns, prepared)


def _copy(model: type[Model], columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(model._meta.db_table), SQL(", ").join(map(Identifier, columns))
    )
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(statement) as copying,
    ):
        for row in rows:
            copying.write_row(row)
