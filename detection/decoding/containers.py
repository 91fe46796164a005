"""Walking the containers of untrusted images, before any decoder sees them.

Each walker reads only markers, chunks and sizes; it finds the picture's dimensions and refuses what is truncated,
animated or followed by foreign data. Formats: ITU-T T.81 annex B (JPEG), PNG 3rd edition, RFC 9649 (WebP).
"""

import re
import struct
from dataclasses import dataclass

from detection.decoding.facts import Format, ImageRefused

MAX_SCANS = 32  # a progressive JPEG has about ten; each costs a pass over the whole picture
MAX_CHUNKS = 10_000

JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
OTHERS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML or SVG",
    b"PK\x03\x04": "a ZIP archive",
}


@dataclass(frozen=True, slots=True)
class Container:
    """What the headers say; nothing has been decoded."""

    format: Format
    width: int
    height: int


def truncated(what: str) -> ImageRefused:
    return ImageRefused("truncated_image", 422, f"The image ends early ({what}). Send the whole file again.")


def corrupt(what: str) -> ImageRefused:
    return ImageRefused("corrupt_image", 422, f"The image is damaged ({what}). Take or export it again.")


def trailing(what: str) -> ImageRefused:
    detail = f"Foreign data follows the image ({what}). Send a plain image without appended data."
    return ImageRefused("trailing_data", 422, detail)


def animated() -> ImageRefused:
    return ImageRefused("animated_image", 422, "The image has several frames. Send one still picture.")


def walk(data: bytes) -> Container:
    """Recognise the format by its first bytes and walk it to its end. Raises ImageRefused."""
    if data.startswith(b"\xff\xd8\xff"):
        return _walk_jpeg(data)
    if data.startswith(PNG_SIGNATURE):
        return _walk_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _walk_webp(data)
    name = next((name for magic, name in OTHERS.items() if data.lstrip()[:8].startswith(magic)), None)
    if data[4:8] == b"ftyp":
        name = "HEIC, AVIF or a video"
    found = f"This is {name}" if name else "This is not an image that we know"
    raise ImageRefused("unsupported_image", 415, f"{found}. Send JPEG, PNG or WebP.")


def _walk_jpeg(data: bytes) -> Container:
    position, scans, size = 2, 0, None
    while True:
        marker, position = _next_marker(data, position)
        if marker == 0xD9:
            break
        if marker == 0x01:
            continue
        if position + 2 > len(data):
            raise truncated("inside a JPEG segment")
        length = struct.unpack_from(">H", data, position)[0]
        if length < 2:
            raise corrupt("a JPEG segment without length")
        if marker in JPEG_FRAMES:
            if size is not None or length < 8 or position + 7 > len(data):
                raise corrupt("the JPEG frame header")
            size = struct.unpack_from(">HH", data, position + 3)
        position += length
        if marker == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise ImageRefused(
                    "too_many_scans", 422, f"The JPEG has more than {MAX_SCANS} scans. Export it anew."
                )
            end = JPEG_MARKER.search(data, position)
            if end is None:
                raise truncated("no end of image marker")
            position = end.start()
    if size is None or not scans:
        raise corrupt("no picture in the JPEG")
    if position != len(data):
        more = "several pictures in one file" if data.startswith(b"\xff\xd8", position) else "after the JPEG"
        raise trailing(more)
    return Container("JPEG", size[1], size[0])


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at `position`, after optional fill bytes, and the position behind it."""
    if position < len(data) and data[position] != 0xFF:
        raise corrupt("a JPEG marker is missing")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise truncated("no end of image marker")
    return data[position], position + 1


def _walk_png(data: bytes) -> Container:
    position, size = len(PNG_SIGNATURE), None
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            raise truncated("inside a PNG chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            raise truncated("inside a PNG chunk")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise corrupt("the PNG header")
            size = struct.unpack_from(">II", data, position + 8)
        if kind == b"acTL":
            raise animated()
        position += 12 + length
        if kind == b"IEND":
            if position != len(data):
                raise trailing("after the PNG")
            return Container("PNG", *size)
    raise corrupt(f"more than {MAX_CHUNKS} PNG chunks")


def _walk_webp(data: bytes) -> Container:
    if len(data) < 30:
        raise truncated("inside the WebP header")
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    end += end % 2
    if end > len(data):
        raise truncated("the WebP is shorter than it says")
    if end < len(data):
        raise trailing("after the WebP")
    position, size = 12, None
    for _ in range(MAX_CHUNKS):
        if position + 8 > end:
            break
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise truncated("inside a WebP chunk")
        if kind in (b"ANIM", b"ANMF"):
            raise animated()
        size = size or _webp_size(kind, data[position + 8 : position + 18])
        position += 8 + length + length % 2
    if size is None:
        raise corrupt("no picture in the WebP")
    return Container("WEBP", *size)


def _webp_size(kind: bytes, start: bytes) -> tuple[int, int] | None:
    if len(start) < 10:
        return None
    if kind == b"VP8X":
        if start[0] & 0x02:
            raise animated()
        return int.from_bytes(start[4:7], "little") + 1, int.from_bytes(start[7:10], "little") + 1
    if kind == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", start, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and start[0] == 0x2F:
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
