"""Several people at once, and waiting for a lock."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from kyc_review.accounts.models import User


def at_once(people: Sequence[User], work: Callable[[User], None]) -> None:
    """Each person's `work` in a thread and a connection of its own, begun together. Raises what one of them raised."""
    start = Barrier(len(people))

    def alone(person: User) -> None:
        start.wait()
        try:
            work(person)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as threads:
        list(threads.map(alone, people))


def until_a_lock_is_waited_for() -> None:
    """The present transaction holds it."""
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("no one waited")
