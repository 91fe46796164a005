"""Advisory locks of Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def lock_for_transaction(number: int) -> None:
    """Wait until no other transaction holds this number; held until the end of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def lock_if_free(number: int) -> bool:
    """Whether no other transaction held this number; then it is held until the end of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


@contextmanager
def one_at_a_time(number: int) -> Iterator[None]:
    """Wait until no other session holds this number, and hold it for the block, whatever transactions it makes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
