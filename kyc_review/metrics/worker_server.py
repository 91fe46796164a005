"""A worker's own /metrics, for workers whose container shares no folder with a web process."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

from django.conf import settings
from django.db import Error, connection
from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer, _SilentHandler

from kyc_review.core import instruments
from kyc_review.core.db.clock import skew_s
from kyc_review.metrics.host import clock_number, host_numbers

log = logging.getLogger(__name__)
Start = Callable[..., Any]
CLOCK_WAIT_S = 2.0


class _Clock:
    """How far this host's clock is ahead of the database's, the only question to it here. It is asked in a thread
    apart, one at a time, so that a database that does not answer costs a scrape CLOCK_WAIT_S and this one number."""

    def __init__(self) -> None:
        self._one_starts, self._asking = threading.Lock(), threading.Thread()
        self._ahead_s: float | None = None

    def ahead_s(self) -> float | None:
        """None: there was no answer in time."""
        with self._one_starts:
            if not self._asking.is_alive():
                self._ahead_s = None
                self._asking = threading.Thread(target=self._ask, name="clock", daemon=True)
                self._asking.start()
            asking = self._asking
        asking.join(CLOCK_WAIT_S)
        return self._ahead_s

    def _ask(self) -> None:
        began = time.monotonic()
        try:
            ahead_s = skew_s()
        except Error as error:
            log.warning("the clock was not compared with the database's: %s", error)
        else:
            # An answer that came late says little: it may be wrong by half of the time that it took.
            self._ahead_s = ahead_s if time.monotonic() - began < CLOCK_WAIT_S else None
        finally:
            connection.close()


class _Worker:
    """A collector: counters of this host's processes, what the worker runs on, and its clock."""

    def __init__(self) -> None:
        self._clock = _Clock()

    def collect(self) -> Iterable[Any]:
        yield from instruments.shared().collect()
        yield from host_numbers()
        if (ahead_s := self._clock.ahead_s()) is not None:
            yield clock_number(ahead_s)


def worker_metrics_serve() -> ThreadingWSGIServer | None:
    """Serve them on METRICS_WORKER_PORT from a daemon thread, until the process ends; None: without such a port.

    Requests need METRICS_TOKEN; without one only this machine is answered. A port that is taken is logged: metrics
    that are missing must not keep a worker from its work.
    """
    if not settings.METRICS_WORKER_PORT:
        return None
    registry = CollectorRegistry()
    registry.register(_Worker())
    ProcessCollector(registry=registry)
    host = "0.0.0.0" if settings.METRICS_TOKEN else "127.0.0.1"  # noqa: S104  (with a token)
    try:
        server = make_server(
            host,
            settings.METRICS_WORKER_PORT,
            _guarded(make_wsgi_app(registry)),
            ThreadingWSGIServer,
            handler_class=_SilentHandler,
        )
    except OSError as error:
        log.error("no metrics of this worker: port %s: %s", settings.METRICS_WORKER_PORT, error)
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _guarded(app: Any) -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        sent = environ.get("HTTP_AUTHORIZATION", "").encode()
        if settings.METRICS_TOKEN and not hmac.compare_digest(
            sent, f"Bearer {settings.METRICS_TOKEN}".encode()
        ):
            start("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"Send METRICS_TOKEN as a bearer token.\n"]
        found: Iterable[bytes] = app(environ, start)
        return found

    return answer
