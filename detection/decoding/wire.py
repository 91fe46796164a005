"""Messages between a process and its decoders: two lengths, JSON, and bytes."""

import json
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct(">IQ")


def send(stream: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    packed = json.dumps(head).encode()
    stream.write(LENGTHS.pack(len(packed), len(body)) + packed)
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError when the other side has ended."""
    head_length, body_length = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    head = json.loads(_exactly(stream, head_length))
    return head, _exactly(stream, body_length)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count) if count else b""
    if len(found) < count:
        raise EOFError
    return found
