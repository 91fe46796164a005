import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base
from django.utils.functional import cached_property
from psycopg.pq import ConnStatus

from kyc_review.core.db.answers import Wait, WatchedErrors, silence

# A statement that is bound on the server is planned once, from the second time on that a connection runs it.
PREPARED_FROM = 2
# A server that is gone closes no connection, and the kernel gives up after a quarter of an hour only. libpq's defaults
# have no limit; DATABASE_URL may say others (`?connect_timeout=20`). Milliseconds for tcp_user_timeout, else seconds.
FOUND_DEAD = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# A statement that takes too long is ended by the server; one that is not even ended then has no server that works.
ANSWER_MARGIN_S = 5
# The server ends what it still does for a connection that was given up.
GONE_CLIENT_AFTER_S = 5
# All of these are in milliseconds, and 0 means without a limit.
LIMITS_SET = """
    SELECT set_config(name, least(nullif(setting::int, 0), ms)::text, false)
    FROM pg_settings JOIN unnest(%s::text[], %s::int[]) AS given (name, ms) USING (name)
"""


class DatabaseWrapper(base.DatabaseWrapper):
    _binds_on_server = False
    _wait: Wait | None = None

    def get_connection_params(self) -> dict[str, Any]:
        params = FOUND_DEAD | super().get_connection_params()
        if self._wait and self._wait.seconds:
            params["connect_timeout"] = min(int(params["connect_timeout"]), int(self._wait.seconds))
        if self.pools_transactions:
            params["prepare_threshold"] = None  # the next transaction's connection has not prepared it
        elif "prepare_threshold" not in self.settings_dict["OPTIONS"]:
            params["prepare_threshold"] = PREPARED_FROM
        return params

    @cached_property
    def wrap_database_errors(self) -> WatchedErrors:
        return WatchedErrors(self)

    @property
    def answer_wait(self) -> Wait | None:
        """After it, a connection is given up on which a call of the driver has no answer; None: never."""
        if self._wait is None and (wait_s := self.settings_dict.get("STATEMENT_WAIT_S")):
            return Wait(float(wait_s) + ANSWER_MARGIN_S, shows_silence=True)
        if self._wait is None and (wait_s := self.settings_dict.get("ANSWER_WAIT_S")):
            return Wait(float(wait_s), shows_silence=False)
        return self._wait

    @property
    def _heeds_silence(self) -> bool:
        """Not in workers: a task that is refused at once would wait for a sweep."""
        return self._wait is not None or bool(self.settings_dict.get("STATEMENT_WAIT_S"))

    @contextmanager
    def answers_within(self, seconds: float, *, shows_silence: bool = False) -> Iterator[None]:
        """Meanwhile, no connection and no answer is waited for longer than this. Whole seconds, 2 at least, or 0 for
        answers without a limit. shows_silence: as in `Wait`."""
        self._wait, before = Wait(seconds, shows_silence), self._wait
        try:
            yield
        finally:
            self._wait = before

    def connect(self) -> None:
        if not self._heeds_silence:
            super().connect()
            return
        with silence.connecting():
            super().connect()

    def init_connection_state(self) -> None:
        """Sets what a process waits for at most; a pooler of transactions would give that to others.

        By a statement: PgBouncer refuses a connection that sends `options`, also where it pools sessions. A shorter
        limit, which the role or DATABASE_URL may have, stays.
        """
        super().init_connection_state()
        if self.pools_transactions:
            return
        lock_wait_s, statement_wait_s = (
            self.settings_dict.get(name) or 0 for name in ("LOCK_WAIT_S", "STATEMENT_WAIT_S")
        )
        limits_s = {"lock_timeout": lock_wait_s, "statement_timeout": statement_wait_s}
        if statement_wait_s or self.settings_dict.get("ANSWER_WAIT_S"):
            limits_s["client_connection_check_interval"] = GONE_CLIENT_AFTER_S
        given = {name: seconds * 1000 for name, seconds in limits_s.items() if seconds}
        if given:
            with self.cursor() as cursor:
                cursor.execute(LIMITS_SET, [list(given), list(given.values())])

    @property
    def pools_transactions(self) -> bool:
        """Whether each transaction may get another connection of the server: nothing of a session outlives it."""
        return bool(self.settings_dict.get("TRANSACTION_POOLING"))

    def chunked_cursor(self) -> Any:
        """A cursor on the server for `iterator()`, where the server still knows it for the next chunk.

        Not `DISABLE_SERVER_SIDE_CURSORS`, which would hold all rows of an export in memory inside transactions, too.
        """
        if self.pools_transactions and self.get_autocommit():
            return self.cursor()
        return super().chunked_cursor()

    def is_usable(self) -> bool:
        """Asked before each request: does the kept connection still live?

        Django asks the server (`SELECT 1`): a round trip, and a twelfth of a post's processor time. A server that ends
        says so and closes the socket, so a socket with nothing to read needs no question. One that vanished without
        closing is found by the first query, as it is when it vanishes after Django's question. While the server is
        known to leave statements unanswered, none is asked on a kept connection.
        """
        if self.connection is None or self.connection.pgconn.status != ConnStatus.OK:
            return False
        if self._heeds_silence and silence.is_on:
            return False
        socket = select.poll()
        socket.register(self.connection.pgconn.socket, select.POLLIN)
        return not socket.poll(0) or bool(super().is_usable())

    @contextmanager
    def binding_on_server(self) -> Iterator[None]:
        """Meanwhile, cursors send values apart from the statement, which the server then prepares.

        Not the rule, because a value that comes without a type has one guessed, at times another than in the text.
        """
        self._binds_on_server = True
        try:
            yield
        finally:
            self._binds_on_server = False

    def create_cursor(self, name: str | None = None) -> Any:
        if self._binds_on_server and name is None:
            return base.ServerBindingCursor(self.connection)  # type: ignore[call-arg]
        return super().create_cursor(name)
