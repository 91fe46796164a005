import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.load import Answer, Target, concurrent, steady

SEEN: list[tuple[str, bytes]] = []


class Acceptor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        SEEN.append((self.headers["Authorization"], body))
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def run(load: Coroutine[Any, Any, object]) -> None:
    """In a thread of its own: the browser tests leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, load).result()


@pytest.fixture
def target() -> Iterator[Target]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acceptor)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Target(server.server_port, "/post", "image", key="secret", accepted=202)
    server.shutdown()
    server.server_close()


def test_every_image_is_posted_once_with_its_key(target: Target) -> None:
    answers: list[Answer] = []
    run(concurrent(target, [b"one", b"two"], posts=20, at_once=4, name="n", heard=answers.append))
    assert {answer.reference for answer in answers} == {f"n-{number}" for number in range(20)}
    assert all(answer.status == 202 for answer in answers)
    assert len(SEEN) == 20
    assert all(key == "Bearer secret" for key, _ in SEEN)
    assert sum(b"\r\n\r\none\r\n--" in body for _, body in SEEN) == 10


def test_a_steady_load_keeps_its_rate(target: Target) -> None:
    answers: list[Answer] = []
    run(steady(target, [b"one"], posts=10, per_s=50, name="n", heard=answers.append))
    sent = sorted(answer.sent_s for answer in answers)
    assert sent[-1] - sent[0] >= 9 / 50 - 0.01


def test_an_answer_that_never_came_counts_as_failed() -> None:
    answers: list[Answer] = []
    nobody = Target(1, "/post", "image")
    run(concurrent(nobody, [b"one"], posts=1, at_once=1, name="n", heard=answers.append))
    assert answers[0].status == 0
