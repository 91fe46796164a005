"""What a HEIC or AVIF file holds in addition to its pictures, inside boxes of its own format."""

import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from detection.decoding.boxes import Box
from detection.decoding.facts import Trailing, TrailingKind
from detection.decoding.heif_items import extents
from detection.decoding.trailing import is_samsung_trailer, padding_or_unknown, video

# Boxes whose content only the item locations (iloc) give a meaning, or none at all.
CARRIERS = {b"mdat", b"free", b"skip", b"uuid", b"wide", b"moov", b"idat"}
FOREIGN_BYTES_MAX = 4096  # writers leave short notes in `free` and `uuid` boxes


def phone_parts(data: bytes, box: Box) -> list[Trailing]:
    """The kind of a motion photo's box (`mpvd`) or of Samsung's (`sefd`), by what it holds."""
    size, content_bytes = box.end - box.start, box.end - box.body
    if box.kind == b"mpvd":
        kind, end = video(data, box.body, box.end)
        rest = data[end : box.end]
        return [
            Trailing(kind, size - len(rest)),
            *([Trailing(padding_or_unknown(rest), len(rest))] if rest else []),
        ]
    if content_bytes <= FOREIGN_BYTES_MAX or is_samsung_trailer(data[box.body : box.end]):
        return [Trailing(TrailingKind.SAMSUNG, size)]
    return [Trailing(TrailingKind.UNKNOWN, size)]


def foreign_parts(data: bytes, found: Sequence[Box], iloc: Box | None, end: int) -> list[Trailing]:
    """Bytes before `end` that lie in boxes which no item of the file refers to, if they are more than a short note."""
    try:
        places = _merged((start, stop) for _, start, stop in extents(data, iloc)) if iloc else []
    except (struct.error, IndexError):
        places = []
    foreign_bytes = 0
    for box in found:
        if box.kind in CARRIERS:
            for start, stop in _gaps(places, box.body, min(box.end, end)):
                if padding_or_unknown(data[start:stop]) is TrailingKind.UNKNOWN:
                    foreign_bytes += stop - start
    return [Trailing(TrailingKind.UNKNOWN, foreign_bytes)] if foreign_bytes > FOREIGN_BYTES_MAX else []


def _merged(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, and without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _gaps(places: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The parts of [start, end) that none of the merged places covers."""
    gaps = []
    first = bisect_right(places, start, key=lambda place: place[1])
    for number in range(first, len(places)):
        place_start, place_end = places[number]
        if place_start >= end:
            break
        if place_start > start:
            gaps.append((start, place_start))
        start = place_end
    return [*gaps, (start, end)] if start < end else gaps
