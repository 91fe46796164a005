"""Errors of the database that pass: the same work can succeed a moment later."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)
T = TypeVar("T")
# Beginnings of SQLSTATE: lost connections, transactions that were taken back (deadlocks, serialization), a server that
# stops or starts, too many connections.
STATES = ("08", "40", "57P", "53300")
PAUSES_S = (0.1, 0.5, 1.0, 2.0, 4.0)


def passes(error: BaseException) -> bool:
    """Whether the error says nothing against the work itself."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(STATES)  # without one, the connection broke


def retried(work: Callable[[], T]) -> T:
    """The answer of `work`, which runs again after errors that pass, for about eight seconds.

    `work` makes its own transactions and may run twice: an answer may be lost although its transaction was committed.
    Raises what it raises the last time, and errors that do not pass.
    """
    for pause_s in PAUSES_S:
        try:
            return work()
        except Error as error:
            if not passes(error) or connection.in_atomic_block:
                raise
            log.warning("again in %g s: %s", pause_s, str(error).strip())
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause_s)
    return work()
