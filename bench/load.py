"""A light load generator: one thread, keep-alive connections, bodies encoded beforehand; the same for every server."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

BOUNDARY = b"bench-4c1f0e7a"
HOST = "127.0.0.1"
ANSWER_TIMEOUT_S = 60


@dataclass(frozen=True)
class Target:
    """Where and how to post: multipart/form-data, or a base64 string in JSON."""

    port: int
    path: str
    field: str
    key: str = ""
    accepted: int = 200
    is_json: bool = False
    # Further headers: "Name: value".
    headers: tuple[str, ...] = ()

    def request(self, reference: str, image: bytes) -> bytes:
        """A complete HTTP/1.1 request with the image in `field`."""
        if self.is_json:
            return self._framed(
                reference, b'{"%s": "%s"}' % (self.field.encode(), b64encode(image)), "application/json"
            )
        text = (
            f'--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="external_ref"\r\n\r\n{reference}\r\n'
            f'--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="{self.field}"; filename="selfie.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        body = text + image + b"\r\n--" + BOUNDARY + b"--\r\n"
        return self._framed(reference, body, f"multipart/form-data; boundary={BOUNDARY.decode()}")

    def _framed(self, reference: str, body: bytes, content_type: str) -> bytes:
        authorization = (
            f"Authorization: Bearer {self.key}\r\nIdempotency-Key: {reference}\r\n" if self.key else ""
        )
        authorization += "".join(f"{header}\r\n" for header in self.headers)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n{authorization}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class Address:
    """A server for requests other than posts of images."""

    port: int

    def request(self, method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
        lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return (head + body).encode()


@dataclass(frozen=True)
class Answer:
    reference: str
    status: int
    # Wall clock, so that it compares with the database's time stamps.
    sent_s: float
    elapsed_s: float
    body: bytes


class Connection:
    """One keep-alive HTTP/1.1 connection; answers have a Content-Length."""

    def __init__(self, target: Target | Address) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, reference: str, image: bytes) -> Answer:
        assert isinstance(self._target, Target), "an Address takes requests, not pictures"
        request = self._target.request(reference, image)
        sent_s, began = time.time(), time.perf_counter()
        try:
            status, body = await asyncio.wait_for(self.send(request), ANSWER_TIMEOUT_S)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.close()
            status, body = 0, repr(error).encode()
        return Answer(reference, status, sent_s, time.perf_counter() - began, body)

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError, EOFError or ValueError when the connection breaks."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._target.port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


Heard = Callable[[Answer], None]


async def concurrent(
    target: Target, images: list[bytes], *, posts: int, at_once: int, name: str, heard: Heard
) -> None:
    """Post `posts` images, `at_once` of them in flight; each connection continues as soon as it has its answer."""
    numbers = iter(range(posts))

    async def poster() -> None:
        connection = Connection(target)
        for number in numbers:
            heard(await connection.post(f"{name}-{number}", images[number % len(images)]))
        connection.close()

    await asyncio.gather(*(poster() for _ in range(at_once)))


async def steady(
    target: Target, images: list[bytes], *, posts: int, per_s: float, name: str, heard: Heard
) -> None:
    """Post at a fixed rate independent of the server, so that a slow answer does not delay the following requests."""
    free: list[Connection] = []
    began = time.perf_counter()
    running = []

    async def one(number: int) -> None:
        connection = free.pop() if free else Connection(target)
        heard(await connection.post(f"{name}-{number}", images[number % len(images)]))
        free.append(connection)

    for number in range(posts):
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        running.append(asyncio.create_task(one(number)))
    await asyncio.gather(*running)
    for connection in free:
        connection.close()
