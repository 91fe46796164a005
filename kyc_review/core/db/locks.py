"""Advisory locks of Postgres."""

from django.db import connection


def lock_for_transaction(number: int) -> None:
    """Wait until no other transaction holds this number; held until the end of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
