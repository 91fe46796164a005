"""Boxes of the ISO base media file format (ISO/IEC 14496-12), which HEIC, AVIF and MP4 share."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BOXES = 10_000


@dataclass(frozen=True, slots=True)
class Box:
    """One box whose content is data[body:end]. `is_cut`: the data end before the box does."""

    kind: bytes
    start: int
    body: int
    end: int
    is_cut: bool = False


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes in data[start:end], up to the first place that cannot be one."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            if start + 16 > end:
                return
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif size == 0:
            size = end - start
        if size < body - start or not all(0x20 <= byte < 0x7F for byte in kind):
            return
        stated = start + size
        yield Box(kind, start, body, min(stated, end), is_cut=stated > end)
        start = stated
