"""What follows a picture inside its file. It is named and never decoded.

Formats: CIPA DC-007 (MPF), Ultra HDR image format 1.1 and ISO 21496-1 (gain maps), Motion Photo format 1.0 (an MP4
behind the picture), and Samsung's trailer, as ExifTool's Samsung.pm describes it.
"""

import re
import struct
from collections.abc import Iterable

from detection.decoding import jpeg
from detection.decoding.boxes import Box, boxes
from detection.decoding.facts import Format, ImageRefused, Trailing, TrailingKind
from detection.decoding.xmp_directory import item_starts

PADDING = re.compile(rb"[\x00\xff\r\n\t ]+")
PARTS_MAX = 16
MPF_TAGS_MAX, MPF_ENTRIES = 100, 0xB002
MPF_IMAGES_MAX = 100
SAMSUNG_ENTRIES_MAX = 1000
SAMSUNG_VIDEO = 0x0A30
SAMSUNG_NAME_MAX = 256
GAIN_MAP_WORDS = (b"hdr-gain-map", b"HDRGainMap", b"hdrgm:")
VIDEO_BOXES = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"mfra",
    b"sidx",
    b"styp",
    b"free",
    b"skip",
    b"wide",
    b"uuid",
}
VIDEO_BOXES |= {b"meta", b"udta", b"pdin"}


def identify(data: bytes, end: int, image_format: Format) -> tuple[Trailing, ...]:
    """The parts of data[end:], one for each kind; their sizes in bytes add up to its length."""
    if end == len(data):
        return ()
    stop, samsung = _samsung(data, end)
    before = data if stop == len(data) else data[:stop]
    first = jpeg.parse(data) if image_format == "JPEG" else None
    announced = _announced(data, first.mpf) | item_starts(first.xmp, end) if first else set()
    parts: list[Trailing] = []
    position = end
    while position < stop:
        kind, part_end = TrailingKind.UNKNOWN, stop
        if len(parts) < PARTS_MAX:
            kind, part_end = _part(before, position, announced, first)
        parts.append(Trailing(kind, part_end - position))
        position = part_end
    return joined([*parts, *samsung])


def padding_or_unknown(data: bytes) -> TrailingKind:
    """For what follows a picture inside its own container, where no format puts anything."""
    return TrailingKind.PADDING if PADDING.fullmatch(data) else TrailingKind.UNKNOWN


def is_samsung_trailer(data: bytes) -> bool:
    """Whether the data end with Samsung's directory, and its blocks fill them from their beginning."""
    start, parts = _samsung(data, 0)
    return bool(parts) and start == 0


def joined(parts: Iterable[Trailing]) -> tuple[Trailing, ...]:
    """One part for each kind."""
    sizes: dict[TrailingKind, int] = {}
    for part in parts:
        sizes[part.kind] = sizes.get(part.kind, 0) + part.size_bytes
    return tuple(Trailing(kind, size) for kind, size in sizes.items() if size)


def _part(
    data: bytes, start: int, announced: set[int], first: jpeg.Layout | None
) -> tuple[TrailingKind, int]:
    """The kind of what begins at `start`, and where it ends."""
    if data.startswith(b"\xff\xd8\xff", start):
        return _picture(data, start, first, is_announced=start in announced)
    if data.startswith(b"ftyp", start + 4):
        return video(data, start, len(data))
    if run := PADDING.match(data, start):
        return TrailingKind.PADDING, _end_of_padding(data, start, run.end())
    # Unknown up to the next picture that an index announces.
    return TrailingKind.UNKNOWN, min((at for at in announced if start < at < len(data)), default=len(data))


def video(data: bytes, start: int, end: int) -> tuple[TrailingKind, int]:
    """Whether an MP4 with a video track begins at `start`, and where it ends; `end` where it is something else.

    Boxes that an MP4 does not have are not part of it.
    """
    found: list[Box] = []
    for box in boxes(data, start, end):
        if box.kind not in VIDEO_BOXES or (found and box.kind == b"ftyp"):
            break
        found.append(box)
    has_data = any(box.kind == b"mdat" for box in found)
    if has_data and any(box.kind == b"moov" and _has_video_track(data, box) for box in found):
        return TrailingKind.MOTION_PHOTO, found[-1].end
    return TrailingKind.UNKNOWN, end


def _has_video_track(data: bytes, moov: Box) -> bool:
    """Whether moov/trak/mdia/hdlr says "vide" (ISO/IEC 14496-12, 8.4.3)."""
    within = [moov]
    for kind in (b"trak", b"mdia", b"hdlr"):
        within = [box for outer in within for box in boxes(data, outer.body, outer.end) if box.kind == kind]
    return any(data[box.body + 8 : box.body + 12] == b"vide" for box in within)


def _end_of_padding(data: bytes, start: int, end: int) -> int:
    """Padding bytes may run into the first bytes of a picture (FF) or of a video (the zeros of its size)."""
    picture = data.find(b"\xff\xd8\xff", start, end + 2)
    if picture > start:
        return picture
    video = data.find(b"ftyp", end, end + 8) - 4
    return video if start < video < end else end


def _picture(
    data: bytes, start: int, first: jpeg.Layout | None, *, is_announced: bool
) -> tuple[TrailingKind, int]:
    """A further JPEG is known only if the first one speaks of it: what it says about itself could be said by any."""
    try:
        layout = jpeg.parse(data, start)
    except ImageRefused:
        return TrailingKind.UNKNOWN, len(data)
    is_map = layout.is_gain_map or _names_gain_map(layout.xmp)
    has_map = first is not None and (
        first.is_gain_map or b"GainMap" in first.xmp or _names_gain_map(first.xmp)
    )
    if is_announced:
        return (TrailingKind.GAIN_MAP if is_map or has_map else TrailingKind.MPF), layout.end
    # Some writers leave out the directory. Both pictures must then name the map, and a map is the smaller one.
    if is_map and has_map and first and max(layout.width, layout.height) < max(first.width, first.height):
        return TrailingKind.GAIN_MAP, layout.end
    return TrailingKind.UNKNOWN, layout.end


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
    if directory < end or data[directory : directory + 4] != b"SEFH" or length < 12:
        return len(data), []
    blocks = _samsung_blocks(data, end, directory, length)
    if not blocks:
        return len(data), []
    start = min(at for at, _, _ in blocks)
    video_bytes = sum(size for _, size, kind in blocks if kind == SAMSUNG_VIDEO)
    parts = [Trailing(TrailingKind.MOTION_PHOTO, video_bytes)] if video_bytes else []
    rest = stop - start - video_bytes
    parts += [Trailing(TrailingKind.SAMSUNG, rest), Trailing(TrailingKind.PADDING, len(data) - stop)]
    return start, parts


def _samsung_blocks(data: bytes, end: int, directory: int, length: int) -> list[tuple[int, int, int]]:
    """Start, size and kind of each block; none unless they lie end to end up to the directory and nothing is left over.

    Each block repeats its kind and has a name in front of its content.
    """
    (count,) = struct.unpack_from("<I", data, directory + 8)
    if count > SAMSUNG_ENTRIES_MAX or length != 12 + 12 * count:
        return []
    blocks = []
    for number in range(count):
        _, kind, offset, size = struct.unpack_from("<HHII", data, directory + 12 + 12 * number)
        blocks.append((directory - offset, size, kind))
    position = min((at for at, _, _ in blocks), default=0)
    if position < end:
        return []
    for at, size, kind in sorted(blocks):
        if at != position or size < 8 or at + size > directory:
            return []
        _, own_kind, name_bytes = struct.unpack_from("<HHI", data, at)
        name = data[at + 8 : at + 8 + min(name_bytes, SAMSUNG_NAME_MAX)]
        if own_kind != kind or not 0 < name_bytes <= min(size - 8, SAMSUNG_NAME_MAX) or not name.isascii():
            return []
        position = at + size
    return blocks if position == directory else []
