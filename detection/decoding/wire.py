"""Messages between a process and its decoders: two lengths, JSON, and bytes, over unbuffered pipes."""

import contextlib
import fcntl
import json
import struct
from typing import IO, Any

LENGTHS = struct.Struct(">IQ")
PIPE_BYTES = 1 << 20


def widen(stream: IO[bytes]) -> None:
    """A megabyte in the pipe instead of 64 KiB saves most of the changes between the two processes."""
    with contextlib.suppress(OSError, AttributeError):  # not on Linux, or no room left for this user's pipes
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def send(stream: IO[bytes], head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    packed = json.dumps(head).encode()
    _write(stream, LENGTHS.pack(len(packed), len(body)) + packed)
    _write(stream, body)


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray]:
    """Raises EOFError when the other side has ended."""
    head_length, body_length = LENGTHS.unpack(_read(stream, LENGTHS.size))
    head = json.loads(_read(stream, head_length))
    return head, _read(stream, body_length)


def _write(stream: IO[bytes], data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def _read(stream: IO[bytes], count: int) -> bytearray:
    found = bytearray(count)
    left = memoryview(found)
    while left:
        taken = stream.readinto(left)  # type: ignore[attr-defined]
        if not taken:
            raise EOFError
        left = left[taken:]
    return found
