"""AWS KMS on loopback: moto's server behind a front that counts calls and can refuse, stall, or be away.

moto checks key ids and encryption contexts, but neither policies nor whether a key is enabled; the front gives those
answers as KMS does: a JSON document with `__type`.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def moto_start() -> tuple[ThreadedMotoServer, str]:
    """The server, which the caller stops, and its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"http://{host}:{port}"


@dataclass
class KeyService:
    """refusal: (HTTP status, code) instead of an answer; pause_s: before each answer; calls: what was asked for."""

    behind: str
    refusal: tuple[int, str] | None = None
    pause_s: float = 0.0
    calls: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    @property
    def address(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.server_port}"

    def reset(self) -> None:
        self.refusal, self.pause_s = None, 0.0
        self.calls.clear()

    def new_key(self) -> str:
        """The ARN of another KMS key."""
        client = boto3.session.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        ).client("kms", endpoint_url=self.behind)
        arn: str = client.create_key()["KeyMetadata"]["Arn"]
        return arn

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.calls.append(headers["X-Amz-Target"].rpartition(".")[2])
        time.sleep(self.pause_s)
        if self.refusal:
            return self.refusal[0], json.dumps({"__type": self.refusal[1], "message": "as told"}).encode()
        found = requests.post(self.behind, data=body, headers=headers, timeout=10)
        return found.status_code, found.content


def _handler(service: KeyService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = service.answer(dict(self.headers.items()), body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
