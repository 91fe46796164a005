"""Fills tables without their indexes, foreign keys and triggers, which are made again afterwards: many times as fast.

The owner of the tables may do this; a superuser is not needed. It is one transaction: after a failure, tables and rows
are as before. Every unique and foreign key is checked for all rows when it is made again. The triggers that are off
neither note touched counts nor refuse anything. Nothing else can use the tables meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# The statements that take each away, and those that bring it back; unique keys before the foreign keys that name them.
FOREIGN_KEYS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype = 'f'
    AND (conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[])) ORDER BY oid
"""
UNIQUE_KEYS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype IN ('p', 'u', 'x') AND conrelid = ANY(%(tables)s::regclass[]) ORDER BY oid
"""
INDEXES = """
SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = ANY(%(tables)s::regclass[])
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY indexrelid
"""
TRIGGERS = """
SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname),
    format('ALTER TABLE %%s ENABLE TRIGGER %%I', tgrelid::regclass, tgname)
FROM pg_trigger WHERE tgrelid = ANY(%(tables)s::regclass[]) AND NOT tgisinternal AND tgenabled = 'O' ORDER BY oid
"""


@contextmanager
def bare(tables: list[str], say: Callable[[str], Any]) -> Iterator[None]:
    """The block runs in a transaction with these tables bare."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table is altered before
        found = []
        for query in (UNIQUE_KEYS, INDEXES, FOREIGN_KEYS, TRIGGERS):
            cursor.execute(query, {"tables": tables})
            found += cursor.fetchall()
        for take_away, _ in reversed(found):
            cursor.execute(take_away)
        yield
        say(f"{len(found)} indexes, keys and triggers are made again")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for _, bring_back in found:
            cursor.execute(bring_back)
