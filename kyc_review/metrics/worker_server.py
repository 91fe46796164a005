"""A worker's own /metrics, for workers whose container shares no folder with a web process."""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

from django.conf import settings
from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer, _SilentHandler

from kyc_review.core import instruments
from kyc_review.metrics.host import host_numbers

log = logging.getLogger(__name__)
Start = Callable[..., Any]


class _Worker:
    """A collector: counters of this host's processes, and what the worker runs on. The database is not asked."""

    def collect(self) -> Iterable[Any]:
        yield from instruments.shared().collect()
        yield from host_numbers()


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
