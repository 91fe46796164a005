"""Gives up a connection whose server leaves a statement unanswered, and spares that server new connections meanwhile.

A server that is frozen while its kernel still acknowledges is not noticed by TCP, and its own time-outs are frozen with
it. psycopg waits for an answer without end, so a thread of this process shuts the socket down: the wait then ends as if
the server had closed the connection, wherever it was: in a statement, a commit or the next rows of a cursor.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

import psycopg
from django.db.utils import DatabaseErrorWrapper
from psycopg.pq import TransactionStatus

log = logging.getLogger(__name__)
LOOKS_EVERY_S = 0.25
UNANSWERED = "the database has not answered"


class Wait(NamedTuple):
    """How long a call of the driver may wait for its answer.

    seconds: 0 means without end. shows_silence: whether a wait that was too long shows that the server hangs. Not so
    where it may just be a slow statement.
    """

    seconds: float
    shows_silence: bool


class Watch:
    """One thread, started by the first wait of a process, that looks for answers that are overdue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: dict[psycopg.Connection[Any], tuple[float, Wait]] = {}
        self._thread: threading.Thread | None = None

    def begin(self, connection: psycopg.Connection[Any], wait: Wait) -> None:
        with self._lock:
            self._waits[connection] = (time.monotonic(), wait)
            if self._thread is None or not self._thread.is_alive():  # a forked process has none
                self._thread = threading.Thread(target=self._look, name="database-answers", daemon=True)
                self._thread.start()

    def end(self, connection: psycopg.Connection[Any]) -> None:
        """Afterwards the connection is left alone."""
        with self._lock:
            self._waits.pop(connection, None)

    def _look(self) -> None:
        while True:
            time.sleep(LOOKS_EVERY_S)
            with self._lock:
                for connection, (began, wait) in list(self._waits.items()):
                    if time.monotonic() >= began + wait.seconds and _is_waiting(connection):
                        del self._waits[connection]
                        log.error("%s for %g s: the connection is given up", UNANSWERED, wait.seconds)
                        if wait.shows_silence:
                            silence.begin(began)
                        _shut_down(connection)


def _is_waiting(connection: psycopg.Connection[Any]) -> bool:
    """Not so while rows that have come already are read one after another."""
    return connection.info.transaction_status == TransactionStatus.ACTIVE


def _shut_down(connection: psycopg.Connection[Any]) -> None:
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error) as gone:
        log.info("the connection had ended: %s", gone)


class Silence:
    """From an answer that did not come until a connection is made again, one thread at a time tries to connect.

    The others are refused at once, or else every thread of the process would sit in trials of some seconds each.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._connected_at = float("-inf")
        self._lock = threading.Lock()
        self._trial = threading.Lock()

    def begin(self, since: float) -> None:
        """since: when the wait began, on the monotonic clock. One that is older than the latest connection does not
        count: it waits for a server of before, and the present one has answered."""
        with self._lock:
            if since >= self._connected_at:
                self.is_on = True

    def _end(self) -> None:
        with self._lock:
            self._connected_at = time.monotonic()
            self.is_on = False

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Around an attempt to connect. Raises psycopg.OperationalError while another thread tries."""
        is_trial, began = self.is_on, time.monotonic()
        if is_trial and not self._trial.acquire(blocking=False):
            raise psycopg.OperationalError(f"{UNANSWERED} recently, and another thread tries to connect")
        try:
            yield
            self._end()
        except psycopg.errors.ConnectionTimeout:
            self.begin(began)
            raise
        finally:
            if is_trial:
                self._trial.release()


watch = Watch()
silence = Silence()


class WatchedErrors(DatabaseErrorWrapper):
    """Django enters it around each call of the driver; the calls of one with a limit are watched."""

    def __init__(self, database: Any) -> None:
        """database: Django's, with `answer_wait`."""
        super().__init__(database)
        self._database = database
        self._watched: psycopg.Connection[Any] | None = None

    def __enter__(self) -> None:
        wait, connection = self._database.answer_wait, self._database.connection
        if wait and wait.seconds and connection is not None:
            self._watched = connection
            watch.begin(connection, wait)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watched is not None:
            watch.end(self._watched)
            self._watched = None
        super().__exit__(exc_type, exc_value, traceback)
