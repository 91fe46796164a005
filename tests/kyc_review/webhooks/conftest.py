"""Real receivers on loopback."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import Integration
from kyc_review.webhooks.models import Delivery, Endpoint
from kyc_review.webhooks.services import endpoint_create


@dataclass
class Receiver:
    """Answers `status` to every POST and keeps what it got."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?source=kyc"


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

    return lambda: Delivery.objects.update(due_at=timezone.now()) and None
