"""A bucket of a store on loopback, and a proxy that disturbs what is said to it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from kyc_review.core.object_storage import ObjectStorage
from kyc_review.core.object_storage.client import Access, connection_to

ACCESS: dict[str, Any] = {"access_key_id": "kyc", "secret_access_key": "secret-of-the-tests"}


@dataclass
class Store:
    bucket: str
    access: dict[str, Any]

    @property
    def client(self) -> Any:
        """boto3's own, to look at what a storage did."""
        return connection_to(Access(**self.access)).client

    def storage(self, name: str = "originals", *, write_once: bool = True, **other: Any) -> ObjectStorage:
        """other: fields of Access, or has_conditions."""
        has_conditions = other.pop("has_conditions", True)
        return ObjectStorage(
            bucket=self.bucket,
            prefix=f"kyc-review/{name}",
            access=self.access | other,
            write_once=write_once,
            has_conditions=has_conditions,
        )

    def keys(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"] for one in found]

    def versions(self) -> list[str]:
        """Every version and mark of deletion that the bucket keeps."""
        found = self.client.list_object_versions(Bucket=self.bucket)
        return [one["Key"] for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))]

    def interrupt_next_deletion(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its object is marked as deleted, and the versions are left."""
        ask = self.client.list_object_versions

        def refuse(**_: Any) -> None:
            monkeypatch.setattr(self.client, "list_object_versions", ask)
            raise EndpointConnectionError(endpoint_url="that of the tests")

        monkeypatch.setattr(self.client, "list_object_versions", refuse)

    def keep_versions(self) -> None:
        wanted = {"Status": "Enabled"}
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=wanted)


@dataclass
class Disturbance:
    """What the proxy does with the next requests, all of them unless `times` says how many.

    only: of this method. status: refuses with it. is_silent: says nothing until the disturbance ends. loses_answer: the
    store does what it was asked for, and the answer is lost. cuts_body: sends half of the answer. changes_body: another
    content. waits_halfway: sends half of the answer, and the rest when `goes_on` is set, within 10 seconds.
    """

    url: str = ""
    seen: list[str] = field(default_factory=list)
    times: int = -1
    only: str = ""
    status: int = 0
    code: str = "SlowDown"
    is_silent: bool = False
    heard_again: threading.Event = field(default_factory=threading.Event)
    loses_answer: bool = False
    cuts_body: bool = False
    changes_body: bool = False
    waits_halfway: bool = False
    goes_on: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        self.heard_again.set()
        self.status, self.times, self.only = 0, -1, ""
        self.is_silent = self.loses_answer = self.cuts_body = self.changes_body = False
        self.waits_halfway = False


@contextmanager
def disturbing(target: str) -> Iterator[Disturbance]:
    """A proxy before the store at this address."""
    state = Disturbance()
    host, port = target.removeprefix("http://").split(":")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(length := int(self.headers.get("Content-Length") or 0))
            if len(body) < length:  # its sender has given up
                self.close_connection = True
                return
            state.seen.append(f"{self.command} {self.path}")
            is_on = state.times != 0 and state.only in ("", self.command)
            state.times -= state.times > 0
            if is_on and state.is_silent:
                state.heard_again.wait(30)
                self.close_connection = True
                return
            if is_on and state.status:
                self.answer(state.status, {}, f"<Error><Code>{state.code}</Code></Error>".encode())
                return
            # The signature covers the host name: the store gets the one that was asked for.
            asked = http.client.HTTPConnection(host, int(port), timeout=10)
            asked.request(self.command, self.path, body, dict(self.headers.items()))
            found = asked.getresponse()
            content = found.read()
            asked.close()
            if is_on and state.loses_answer:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            is_object = "xml" not in (found.getheader("Content-Type") or "xml")
            if is_on and state.changes_body and is_object and content:
                content = bytes([content[0] ^ 1]) + content[1:]
            is_cut = is_on and state.cuts_body
            waits = is_on and state.waits_halfway and is_object
            self.answer(found.status, dict(found.getheaders()), content, cut=is_cut, waits=waits)

        def answer(
            self,
            status: int,
            headers: dict[str, str],
            content: bytes,
            *,
            cut: bool = False,
            waits: bool = False,
        ) -> None:
            length = headers.get("Content-Length", str(len(content)))
            self.send_response_only(status)
            for name, text in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, text)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command == "HEAD":
                return
            half = len(content) // 2 if cut or waits else len(content)
            with suppress(BrokenPipeError, ConnectionResetError):
                if waits:
                    state.goes_on.clear()  # before: the reader may set it as soon as it has something
                self.wfile.write(content[:half])
                if waits and state.goes_on.wait(10):
                    self.wfile.write(content[half:])
            self.close_connection = self.close_connection or cut

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = forward

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield state
    state.end()
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_for(port: int, timeout_s: float = 20) -> None:
    """Until something listens there. Raises TimeoutError."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
