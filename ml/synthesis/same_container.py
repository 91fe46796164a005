"""Writes an edited picture into a file like the one that it was made from: format, JPEG tables, and metadata.

An editor that only re-encodes pixels would leave other tables and no metadata, by which every such file could be told
from what cameras and apps send. Times inside of the metadata move by `later`, and an embedded thumbnail shows the edit.
"""

import contextlib
import datetime as dt
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from detection.decoding import jpeg, orientation_of, png
from detection.decoding.orientation import as_stored
from detection.decoding.png_chunks import CRITICAL, SIGNATURE

EOI = b"\xff\xd9"
SUBSAMPLINGS: dict[tuple[tuple[int, int], ...], int] = {
    ((1, 1), (1, 1), (1, 1)): 0,
    ((2, 1), (1, 1), (1, 1)): 1,
    ((2, 2), (1, 1), (1, 1)): 2,
}
STANDARD_HUFFMAN_BYTES = 416  # of the four tables of T.81, annex K.3
MARKERS_KEPT = {jpeg.COM, *range(0xE0, 0xF0)}
C2PA_MARKER = 0xEB  # APP11: a signature of the original's pixels, which no edit keeps
EXIF_TIME = re.compile(rb"(?:19|20)\d\d:[01]\d:[0-3]\d [0-2]\d:[0-5]\d:[0-6]\d")
EXIF_DAY = re.compile(rb"(?:19|20)\d\d:[01]\d:[0-3]\d(?=\0)")
ISO_TIME = re.compile(rb"(?:19|20)\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d")
TIMES = ((EXIF_TIME, "%Y:%m:%d %H:%M:%S"), (EXIF_DAY, "%Y:%m:%d"), (ISO_TIME, "%Y-%m-%dT%H:%M:%S"))
THUMBNAIL_BEGINS = b"\xff\xd8\xff"
COLOUR_8_BIT = (8, 2, 0, 0, 0)  # PNG: 8 bits, RGB without alpha, not interlaced


class NotRewritable(ValueError):
    """A file of this kind cannot be written again the way it is; the text says why."""


def rewrite(original: bytes, edited: np.ndarray, *, later: dt.timedelta = dt.timedelta(0)) -> bytes:
    """The edited picture in a file like `original`.

    edited: (H, W, 3) uint8 upright sRGB, of the original's size. later: what is added to times in the metadata.
    Raises NotRewritable: for formats but JPEG and PNG, other than 8-bit colour, wide colour spaces, unusual tables and
    files with a C2PA signature; ImageRefused for a broken file.
    """
    stored = as_stored(Image.fromarray(edited), orientation_of(original))
    if original.startswith(b"\xff\xd8"):
        return _jpeg(original, stored, later)
    if original.startswith(SIGNATURE):
        return _png(original, stored, later)
    raise NotRewritable("only JPEG and PNG can be written again")


def _jpeg(original: bytes, stored: Image.Image, later: dt.timedelta) -> bytes:
    layout = jpeg.parse(original)
    if layout.is_arithmetic or len(layout.components) != 3:
        raise NotRewritable("it is no ordinary colour JPEG")
    subsampling = SUBSAMPLINGS.get(tuple(layout.sampling.values()))
    if subsampling is None:
        raise NotRewritable("its chroma subsampling is unusual")
    _refuse_wide_colours(layout.profile)
    with Image.open(io.BytesIO(layout.scans[0].head + EOI), formats=["JPEG"]) as head:
        tables = [list(head.quantization[number]) for number in sorted(head.quantization)]  # type: ignore[attr-defined]
        is_rgb = head.mode != "RGB" or head.info.get("adobe_transform") == 0
    if is_rgb or stored.size != (layout.width, layout.height) or max(map(max, tables)) > 255:
        raise NotRewritable("its tables or colours are unusual")
    segments = list(_segments(original, layout))
    huffman = sum(len(content) for marker, content in segments if marker == jpeg.DHT)
    buffer = io.BytesIO()
    stored.save(
        buffer,
        "JPEG",
        qtables=tables,
        subsampling=subsampling,
        progressive=layout.is_progressive,
        optimize=huffman != STANDARD_HUFFMAN_BYTES,
        restart_marker_blocks=layout.restart_interval,
    )
    if any(marker == C2PA_MARKER for marker, _ in segments):
        raise NotRewritable("it carries a C2PA signature")
    kept = b"".join(
        _segment(marker, _with_thumbnail(shift_times(content, later), stored))
        for marker, content in segments
        if marker in MARKERS_KEPT
    )
    return b"\xff\xd8" + kept + _without_metadata(buffer.getvalue())


def _segments(data: bytes, layout: jpeg.Layout) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of each segment before the data of the first scan, and of tables between scans."""
    position = layout.start + 2
    while position + 4 <= layout.scans[0].start:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        if data[position] != 0xFF or marker == 0xFF:
            raise NotRewritable("its segments do not follow each other")
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def _without_metadata(data: bytes) -> bytes:
    """What Pillow wrote, from the first table on: behind SOI and its own APP segments."""
    position = 2
    while data[position + 1] in MARKERS_KEPT:
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return data[position:]


def latest_time(data: bytes) -> dt.datetime | None:
    """The latest EXIF or ISO time that the file states, without a zone; None without one."""
    found: list[dt.datetime] = []
    for pattern, form in (TIMES[0], TIMES[2]):
        for text in pattern.findall(data):
            with contextlib.suppress(ValueError):  # no day of the calendar
                found.append(dt.datetime.strptime(text.decode(), form))  # noqa: DTZ007  (cameras state no zone)
    return max(found, default=None)


def shift_times(metadata: bytes, later: dt.timedelta) -> bytes:
    """The same bytes with every EXIF or ISO time moved; lengths and places stay, so that offsets remain right."""
    for pattern, form in TIMES:
        metadata = pattern.sub(_shifted(form, later), metadata)
    return metadata


def _shifted(form: str, later: dt.timedelta) -> Callable[[re.Match[bytes]], bytes]:
    def moved(found: re.Match[bytes]) -> bytes:
        try:
            time = dt.datetime.strptime(found.group().decode(), form)  # noqa: DTZ007  (cameras state no zone)
            return (time + later).strftime(form).encode()
        except (ValueError, OverflowError):  # no day of the calendar
            return found.group()

    return moved


def _with_thumbnail(segment: bytes, stored: Image.Image) -> bytes:
    """EXIF whose JPEG thumbnail shows the edited picture, in as many bytes."""
    start = segment.find(THUMBNAIL_BEGINS)
    if not segment.startswith(b"Exif\0\0") or start < 0:
        return segment
    end = segment.rfind(EOI) + len(EOI)
    try:
        layout = jpeg.parse(segment[start:end])
    except ValueError:
        raise NotRewritable("its thumbnail is damaged") from None
    small = stored.resize((layout.width, layout.height), Image.Resampling.LANCZOS)
    for quality in range(92, 4, -8):
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality)
        if (made := buffer.getvalue()) and len(made) <= end - start:
            return segment[:start] + made + bytes(end - start - len(made)) + segment[end:]
    raise NotRewritable("its thumbnail has too few bytes")


def _png(original: bytes, stored: Image.Image, later: dt.timedelta) -> bytes:
    layout = png.parse(original)
    width, height, *kind = struct.unpack_from(">IIBBBBB", layout.header)
    if tuple(kind) != COLOUR_8_BIT or layout.transparency:
        raise NotRewritable("it is no opaque 8-bit colour PNG")
    if stored.size != (width, height):
        raise NotRewritable("the edited picture has another size")
    _refuse_wide_colours(layout.profile)
    buffer = io.BytesIO()
    stored.save(buffer, "PNG")
    rows = [content for name, content in _chunks(buffer.getvalue()) if name == b"IDAT"]
    made, is_written = [SIGNATURE], False
    for name, content in _chunks(original[: layout.end]):
        if name == b"IDAT":
            made += [] if is_written else [_chunk(name, row) for row in rows]
            is_written = True
        elif name in CRITICAL:
            made.append(_chunk(name, content))
        elif name == b"caBX" or THUMBNAIL_BEGINS in content:
            raise NotRewritable("it carries a C2PA signature or a thumbnail")
        else:
            made.append(_chunk(name, shift_times(content, later)))
    return b"".join(made)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        yield name, data[position + 8 : position + 8 + length]
        position += 12 + length


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _refuse_wide_colours(profile: bytes) -> None:
    """`edited` is sRGB: in a file with another profile its colours would be wrong."""
    if profile and b"sRGB" not in profile and "sRGB".encode("utf-16-be") not in profile:
        raise NotRewritable("its colour space is not sRGB")
