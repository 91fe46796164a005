"""A web process behind a real PgBouncer."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from tests.factories.connections import connected
from tests.factories.pgbouncer import pgbouncer

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def web_process(pool_mode: str) -> Iterator[None]:
    """Meanwhile, the connection is that of a web process (`wsgi.py`), through a pooler."""
    with (
        pgbouncer(connection.settings_dict, pool_mode) as port,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setitem(connection.settings_dict, "LOCK_WAIT_S", 5)
        with connected(HOST="127.0.0.1", PORT=port, TRANSACTION_POOLING=pool_mode == "transaction"):
            yield


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_sessions_need_no_setting_and_leave_nothing_to_the_next() -> None:
    with web_process("session"):
        assert lock_timeout() == "5s"
        connection.settings_dict["LOCK_WAIT_S"] = 0
        for _ in range(2):
            connection.close()
            assert lock_timeout() == "0"


def test_a_pooler_of_transactions_is_asked_for_nothing_that_others_would_get() -> None:
    with web_process("transaction"):
        assert {lock_timeout() for _ in range(4)} == {"0"}
