"""Migrations that drop the index of a foreign key because a longer one begins with its column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations import AlterField, RunSQL

if TYPE_CHECKING:
    from django.db import models


def key_index_dropped(table: str, name: str, *, model: str, field: str, key: models.ForeignKey) -> RunSQL:
    """Without a lock on the table, which Django's own AlterField takes; the migration must not be atomic.

    name: as Django gave it, the same in every installation. key: the field with db_index=False.
    """
    column = f"{field}_id"
    return RunSQL(
        f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"',
        f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{name}" ON "{table}" ("{column}")',
        state_operations=[AlterField(model_name=model, name=field, field=key)],
    )
