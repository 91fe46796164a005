"""Items of HEIC and AVIF (ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12): their properties, places and clean aperture.

Readers raise struct.error or IndexError where a box ends too early.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction

from detection.decoding.boxes import Box, boxes

ITEMS_MAX = 10_000
EXTENTS_MAX = 20_000
CODED_TYPES = {b"hvc1", b"av01"}
CropBox = tuple[int, int, int, int]


def associations(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    """Pairs of an item and the number (from 1) of a property that it has, from an `ipma` box."""
    version, is_wide = data[box.body], data[box.body + 3] & 1
    (count,) = struct.unpack_from(">I", data, box.body + 4)
    position = box.body + 8
    for _ in range(min(count, ITEMS_MAX)):
        form = ">IB" if version else ">HB"
        item, associated = struct.unpack_from(form, data, position)
        position += struct.calcsize(form)
        for _ in range(associated):
            (number,) = struct.unpack_from(">H" if is_wide else ">B", data, position)
            position += 2 if is_wide else 1
            yield item, number & (0x7FFF if is_wide else 0x7F)


def last_extent_end(data: bytes, iloc: Box) -> int:
    """Where in the file the last byte of all items ends, from an `iloc` box; 0 when no item lies in the file itself.

    An extent without a length reaches to the end of the file.
    """
    return max((end for _, _, end in extents(data, iloc)), default=0)


def coded_extents(data: bytes, iloc: Box, iinf: Box) -> list[tuple[int, int]]:
    """The places [start, end) of the compressed pictures (HEVC, AV1) that lie in the file itself."""
    coded = {item for item, kind in _item_types(data, iinf) if kind in CODED_TYPES}
    places: list[tuple[int, int]] = []
    for start, end in sorted((start, end) for item, start, end in extents(data, iloc) if item in coded):
        if places and start <= places[-1][1]:  # joined, so that no byte is looked at twice
            places[-1] = places[-1][0], max(end, places[-1][1])
        else:
            places.append((start, end))
    return places


def _item_types(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """Item numbers and their types, from an `iinf` box."""
    start = iinf.body + (8 if data[iinf.body] else 6)
    for entry in boxes(data, start, iinf.end):
        if entry.kind == b"infe" and data[entry.body] >= 2:
            size = 2 if data[entry.body] == 2 else 4
            number, position = _number(data, entry.body + 4, size)
            yield number, data[position + 2 : position + 6]


def extents(data: bytes, iloc: Box) -> Iterator[tuple[int, int, int]]:
    """Item, start and end of each extent in the file itself, from an `iloc` box."""
    version, sizes = data[iloc.body], struct.unpack_from(">H", data, iloc.body + 4)[0]
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    position = iloc.body + 6
    count, position = _number(data, position, 4 if version == 2 else 2)
    extents_left = EXTENTS_MAX
    for _ in range(min(count, ITEMS_MAX)):
        item, position = _number(data, position, 4 if version == 2 else 2)
        method = 0
        if version:
            method, position = _number(data, position, 2)
        position += 2  # the data reference
        base, position = _number(data, position, base_size)
        extent_count, position = _number(data, position, 2)
        extents_left -= extent_count
        if extents_left < 0:
            raise struct.error("iloc lists too many extents")
        for _ in range(extent_count):
            if version:
                position += index_size
            offset, position = _number(data, position, offset_size)
            length, position = _number(data, position, length_size)
            if position > iloc.end:
                raise struct.error("iloc ends early")
            if method & 15 == 0:  # 1 and 2 lie in `idat` or in another item
                start = base + offset
                yield item, start, start + length if length else len(data)


def _number(data: bytes, position: int, size: int) -> tuple[int, int]:
    """A big-endian number of `size` bytes (0 bytes: the number 0), and the position behind it."""
    if position + size > len(data):
        raise struct.error("a number ends early")
    return int.from_bytes(data[position : position + size], "big"), position + size


def clean_aperture(data: bytes, clap: Box, width: int, height: int) -> CropBox | None:
    """The part of a picture of that size that a `clap` box shows; None where it is no part of it.

    As libheif rounds and limits it: left and top are rounded towards zero, width and height to the nearest pixel.
    """
    values = struct.unpack_from(">IIIIiIiI", data, clap.body)
    if not all(values[1::2]):
        return None
    shown_width, shown_height, off_x, off_y = (Fraction(*values[at : at + 2]) for at in (0, 2, 4, 6))
    left, right = _range(width, shown_width, off_x)
    top, bottom = _range(height, shown_height, off_y)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _range(length: int, shown: Fraction, offset: Fraction) -> tuple[int, int]:
    start = int(offset + Fraction(length - 1, 2) - (shown - 1) / 2)
    return max(0, start), min(length, start + int(shown + Fraction(1, 2)))


def turned_left(crop: CropBox | None, width: int) -> CropBox | None:
    """Where the crop lies after a quarter turn anticlockwise (`irot`) of a picture of that width."""
    if crop is None:
        return None
    left, top, right, bottom = crop
    return top, width - right, bottom, width - left


def mirrored(crop: CropBox | None, width: int, height: int, is_sideways: bool) -> CropBox | None:
    """Where the crop lies after left and right, or top and bottom, were exchanged (`imir`)."""
    if crop is None:
        return None
    left, top, right, bottom = crop
    return (
        (width - right, top, width - left, bottom)
        if is_sideways
        else (left, height - bottom, right, height - top)
    )
