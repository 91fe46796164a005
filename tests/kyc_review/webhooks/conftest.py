"""Real receivers on loopback."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import Integration
from kyc_review.webhooks.models import Delivery, Endpoint
from kyc_review.webhooks.services import endpoint_create
from tests.factories.receivers import Receiver


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.seen.append(({"path": self.path} | dict(self.headers.items()), body))
            time.sleep(state.pause_s)
            self.send_response(state.status)
            for name, text in state.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(integration: Integration, receiver: Receiver) -> tuple[Endpoint, str]:
    """An endpoint that leads to `receiver`, and its secret."""
    return endpoint_create(integration=integration, url=receiver.url)


@pytest.fixture
def due_again(db: None) -> Callable[[], None]:
    """Let every pause and every lease be over."""
    from django.utils import timezone

    def end_pauses() -> None:
        Delivery.objects.update(due_at=timezone.now())

    return end_pauses
