"""What follows a picture inside its file. It is named and never decoded.

Formats: CIPA DC-007 (MPF), Ultra HDR image format 1.1 and ISO 21496-1 (gain maps), Motion Photo format 1.0 (an MP4
behind the picture), and Samsung's trailer, as ExifTool's Samsung.pm describes it.
"""

import re
import struct
from collections.abc import Iterable

from detection.decoding import jpeg
from detection.decoding.boxes import boxes
from detection.decoding.facts import Format, ImageRefused, Trailing, TrailingKind

PADDING = re.compile(rb"[\x00\xff\r\n\t ]+")
PARTS_MAX = 16
MPF_TAGS_MAX, MPF_ENTRIES = 100, 0xB002
MPF_IMAGES_MAX = 100
SAMSUNG_ENTRIES_MAX = 1000
SAMSUNG_VIDEO = 0x0A30
GAIN_MAP_WORDS = (b"hdr-gain-map", b"HDRGainMap", b"hdrgm:")


def identify(data: bytes, end: int, image_format: Format) -> tuple[Trailing, ...]:
    """The parts of data[end:], one for each kind; their sizes in bytes add up to its length."""
    if end == len(data):
        return ()
    stop, samsung = _samsung(data, end)
    before = data if stop == len(data) else data[:stop]
    first = jpeg.parse(data) if image_format == "JPEG" else None
    announced = _announced(data, first.mpf) if first else set()
    has_gain_map = first is not None and (b"GainMap" in first.xmp or _names_gain_map(first.xmp))
    parts: list[Trailing] = []
    position = end
    while position < stop:
        kind, part_end = TrailingKind.UNKNOWN, stop
        if len(parts) < PARTS_MAX:
            kind, part_end = _part(before, position, announced, has_gain_map=has_gain_map)
        parts.append(Trailing(kind, part_end - position))
        position = part_end
    return joined([*parts, *samsung])


def padding_or_unknown(data: bytes) -> TrailingKind:
    """For what follows a picture inside its own container, where no format puts anything."""
    return TrailingKind.PADDING if PADDING.fullmatch(data) else TrailingKind.UNKNOWN


def joined(parts: Iterable[Trailing]) -> tuple[Trailing, ...]:
    """One part for each kind."""
    sizes: dict[TrailingKind, int] = {}
    for part in parts:
        sizes[part.kind] = sizes.get(part.kind, 0) + part.size_bytes
    return tuple(Trailing(kind, size) for kind, size in sizes.items() if size)


def _part(data: bytes, start: int, announced: set[int], *, has_gain_map: bool) -> tuple[TrailingKind, int]:
    """The kind of what begins at `start`, and where it ends."""
    if data.startswith(b"\xff\xd8\xff", start):
        return _picture(data, start, is_announced=start in announced, has_gain_map=has_gain_map)
    if data.startswith(b"ftyp", start + 4):
        return _video(data, start)
    if run := PADDING.match(data, start):
        return TrailingKind.PADDING, _end_of_padding(data, start, run.end())
    # Unknown up to the next picture that an index announces.
    return TrailingKind.UNKNOWN, min((at for at in announced if start < at < len(data)), default=len(data))


def _video(data: bytes, start: int) -> tuple[TrailingKind, int]:
    found = list(boxes(data, start, len(data)))
    if {b"moov", b"mdat"} <= {box.kind for box in found}:
        return TrailingKind.MOTION_PHOTO, found[-1].end
    return TrailingKind.UNKNOWN, len(data)


def _end_of_padding(data: bytes, start: int, end: int) -> int:
    """Padding bytes may run into the first bytes of a picture (FF) or of a video (the zeros of its size)."""
    picture = data.find(b"\xff\xd8\xff", start, end + 2)
    if picture > start:
        return picture
    video = data.find(b"ftyp", end, end + 8) - 4
    return video if start < video < end else end


def _picture(data: bytes, start: int, *, is_announced: bool, has_gain_map: bool) -> tuple[TrailingKind, int]:
    try:
        layout = jpeg.parse(data, start)
    except ImageRefused:
        return TrailingKind.UNKNOWN, len(data)
    if layout.is_gain_map or _names_gain_map(layout.xmp) or (is_announced and has_gain_map):
        return TrailingKind.GAIN_MAP, layout.end
    return (TrailingKind.MPF if is_announced else TrailingKind.UNKNOWN), layout.end


def _names_gain_map(xmp: bytes) -> bool:
    return any(word in xmp for word in GAIN_MAP_WORDS)


def _announced(data: bytes, index: tuple[int, int] | None) -> set[int]:
    """Where the further pictures begin that the first one's MPF index lists (CIPA DC-007, 5.2.3)."""
    if index is None:
        return set()
    base, length = index
    tiff = data[base : base + length]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return set()
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(min(count, MPF_TAGS_MAX)):
            tag, _, size, at = struct.unpack_from(f"{order}HHII", tiff, directory + 2 + 12 * number)
            if tag == MPF_ENTRIES:
                count = min(size // 16, MPF_IMAGES_MAX)
                starts = [struct.unpack_from(f"{order}I", tiff, at + 16 * n + 8)[0] for n in range(count)]
                return {base + start for start in starts if start}
    except struct.error:  # an offset that points outside the index
        pass
    return set()


def _samsung(data: bytes, end: int) -> tuple[int, list[Trailing]]:
    """Where Samsung's trailer begins, and its parts; it is found from the file's end.

    Its directory (SEFH ... SEFT) lists blocks that precede it, each by its distance from SEFH.
    """
    stop = len(data)
    while stop > end and data[stop - 1] == 0:
        stop -= 1
    if not data.startswith(b"SEFT", max(stop - 4, end)):
        return len(data), []
    (length,) = struct.unpack_from("<I", data, stop - 8) if stop - 8 >= end else (0,)
    directory = stop - 8 - length
    if directory < end or data[directory : directory + 4] != b"SEFH":
        return len(data), []
    start, video = directory, 0
    count = struct.unpack_from("<I", data, directory + 8)[0] if length >= 12 else 0
    for number in range(min(count, SAMSUNG_ENTRIES_MAX, (length - 12) // 12 if length >= 12 else 0)):
        _, kind, offset, size = struct.unpack_from("<HHII", data, directory + 12 + 12 * number)
        if end <= directory - offset and offset <= directory:
            start = min(start, directory - offset)
            video += min(size, offset) if kind == SAMSUNG_VIDEO else 0
    video = min(video, directory - start)
    parts = [Trailing(TrailingKind.MOTION_PHOTO, video)] if video else []
    rest = stop - start - video
    parts += [Trailing(TrailingKind.SAMSUNG, rest), Trailing(TrailingKind.PADDING, len(data) - stop)]
    return start, parts
