"""Advisory locks of Postgres."""

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
