"""Work that the database breaks off through no fault of its own is done again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from kyc_review.core.db import passing
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.db.passing import passes, retried
from tests.factories.connections import backend_end

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_that_deadlock_are_both_done_in_the_end() -> None:
    both, begun = Barrier(2, timeout=20), []

    def work(first: int, second: int) -> str:
        @transaction.atomic
        def locked() -> str:
            begun.append(first)
            lock_for_transaction(first)
            if len(begun) <= 2:
                both.wait()
            lock_for_transaction(second)
            return "done"

        try:
            return retried(locked)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(work, *order) for order in ((71, 72), (72, 71))]
        assert [future.result(60) for future in found] == ["done", "done"]
    assert len(begun) == 3  # one was taken back by Postgres, and begun again


def test_a_connection_that_the_server_ends_is_opened_again() -> None:
    ended: list[bool] = []

    def work() -> int:
        if not ended:
            ended.append(True)
            backend_end()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            return int(cursor.fetchone()[0])

    assert retried(work) == 7


def test_what_does_not_pass_and_what_does_not_end_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "PAUSES_S", (0.0, 0.0))
    tries = []

    def failing(error: Exception) -> Callable[[], None]:
        def work() -> None:
            tries.append(error)
            raise error

        return work

    full = OperationalError("full")
    full.__cause__ = psycopg.errors.DiskFull("full")
    with pytest.raises(OperationalError, match="full"):
        retried(failing(full))
    assert len(tries) == 1
    assert not passes(full)
    assert not passes(ValueError("bad"))
    with pytest.raises(InterfaceError):
        retried(failing(InterfaceError("the connection is closed")))
    assert len(tries) == 1 + 3


def test_a_part_of_a_transaction_is_not_repeated_alone() -> None:
    tries = []

    def work() -> None:
        tries.append(True)
        raise OperationalError("the connection is lost")

    with pytest.raises(OperationalError), transaction.atomic():
        retried(work)
    assert len(tries) == 1
