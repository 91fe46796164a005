"""Advisory locks of Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

LOCK_NOT_AVAILABLE = "55P03"
LIMITS_SET = """
    SELECT set_config('lock_timeout', %s, true), set_config(
        'statement_timeout', coalesce(nullif(%s, '0ms'), current_setting('statement_timeout')), true
    )
"""


class Locked(Exception):
    """Somebody holds a lock for longer than the block was to wait."""


@contextmanager
def locks_waited_for(seconds: float, *, statement_s: float = 0) -> Iterator[None]:
    """A transaction whose statements each wait at most this long for a lock. Raises Locked.

    statement_s: how long a statement may take in all, 0 for the limit of before. Both limits end with the
    transaction, so they work behind a pooler, too.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(LIMITS_SET, [f"{seconds * 1000:.0f}ms", f"{statement_s * 1000:.0f}ms"])
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise Locked(f"a statement has waited {seconds:g} s for a lock") from error


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
