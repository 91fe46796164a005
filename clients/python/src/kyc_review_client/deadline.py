"""Attempts that end in time. A socket's time-out bounds one read; a server that sends a byte a second resets it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class Attempt:
    """One request. After `seconds` its socket is shut down, so that whatever waits for it fails."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_finished = self.is_late = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def uses(self, connected: socket.socket | None) -> None:
        """Raises TimeoutError when the attempt is over."""
        with self._lock:
            if self.is_late:
                raise TimeoutError("The attempt took too long.")
            self._socket = connected

    def finish(self) -> None:
        """From now on the socket may serve another request."""
        self._timer.cancel()
        with self._lock:
            self._is_finished = True

    def _end(self) -> None:
        with self._lock:
            if self._is_finished:
                return
            self.is_late = True
            if self._socket is not None:
                with suppress(OSError):  # of a TLS socket too: its own method would go on without TLS
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_current = threading.local()


@contextmanager
def attempt_of(seconds: float) -> Iterator[Attempt]:
    """What this thread requests inside is over after `seconds`."""
    attempt = _current.attempt = Attempt(seconds)
    try:
        yield attempt
    finally:
        _current.attempt = None
        attempt.finish()


class _Watched:
    """Tells the attempt which socket it uses, a new one or that of an earlier request."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _current.attempt.uses(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            _current.attempt.uses(self.sock)
        super().request(*args, **options)  # type: ignore[misc]


class _Connection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def watched_pools(ca_certs: str | None) -> urllib3.PoolManager:
    """Its requests are made inside `attempt_of`."""
    manager = urllib3.PoolManager(ca_certs=ca_certs)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
