"""Rows by COPY, for the table that gets five a selfie: an INSERT's placeholders cost more than its rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg.sql import SQL, Identifier


def copy_in(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows in the running transaction; constraints hold as for an INSERT, `save` and signals are passed by.

    fields: names of the model's fields, in the order of the values. Raises django.db.IntegrityError.
    """
    names = {field.name: field.column for field in model._meta.concrete_fields}
    columns = [Identifier(names[name] or name) for name in fields]
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(model._meta.db_table), SQL(", ").join(columns)
    )
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(statement) as copying,
    ):
        for row in rows:
            copying.write_row(row)
