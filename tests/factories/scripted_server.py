"""A web server on loopback that gives the answers of a script, one for each request, and keeps what was sent."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Step:
    """An answer; `is_lost`: the connection ends without one.

    `raw`: bytes in place of a well-formed answer, `drip_s`: how long more follow, one each 50 ms; then the connection
    ends. `hold_s`: how long the server waits before it answers.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False
    raw: bytes | None = None
    drip_s: float = 0
    hold_s: float = 0


@dataclass
class Sent:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    url: str = ""
    steps: list[Step] = field(default_factory=list)
    seen: list[Sent] = field(default_factory=list)


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    state = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.seen.append(Sent(self.path, headers, body))
            step = state.steps.pop(0)
            time.sleep(step.hold_s)
            if step.is_lost or step.raw is not None:
                self.close_connection = True
                self.send_raw(step)
                return
            content = json.dumps(step.body).encode()
            self.send_response(step.status)
            for name, value in {**step.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def send_raw(self, step: Step) -> None:
            with suppress(OSError):  # the client has gone
                self.wfile.write(step.raw or b"")
                for _ in range(round(step.drip_s / 0.05)):
                    time.sleep(0.05)
                    self.wfile.write(b"x")

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()
