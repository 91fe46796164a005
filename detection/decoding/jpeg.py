"""JPEG: the first picture up to its own end (ITU-T T.81 annex B), and decoding that notices missing data.

Only what the picture needs is given to libjpeg: frame, tables, scans, and the two markers that tell its colour space.
Metadata, which may be large, wrong or hostile, is read by our own parsers.
"""

import io
import re
import struct
from dataclasses import dataclass, field

from PIL import Image

from detection.decoding.facts import Container, Damage, ImageRefused, Loaded, corrupt, truncated
from detection.decoding.orientation import orientation_from
from detection.decoding.reducing import size_nearly
from detection.decoding.restarts import pieces, restart_damage
from detection.decoding.scans import NothingDecoded, decode_scans

MAX_SCANS = 32  # a progressive JPEG has about ten; each costs a pass over the whole picture
MAX_SEGMENTS = 10_000
MAX_PROFILE_BYTES = 4_000_000

SOI, EOI, SOS, DHT, DQT, DRI, DNL, COM, TEM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD, 0xDC, 0xFE, 0x01
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
FRAMES = {*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC}
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
ARITHMETIC = set(range(0xC9, 0xD0))
DNL_BEGINS = b"\xff\xdc\x00\x04"
RESTARTS = range(0xD0, 0xD8)
TABLES = {DHT, DQT, DRI, 0xCC}
AFTER_SCAN = {SOS, EOI, SOI, DHT, DQT, DRI, DNL, COM, 0xCC, *range(0xE0, 0xF0)}
# The place in rows of each value in zigzag order: diagonals, every other one downwards.
ZIGZAG = sorted(range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8))
IN_ROWS = sorted(range(64), key=ZIGZAG.__getitem__)  # where in zigzag order each place in rows stands
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass(slots=True)
class Scan:
    """What precedes the data of one scan (tables and its header), and where the data lie: [start, end)."""

    head: bytes
    start: int
    end: int
    has_restarts: bool = False


@dataclass(slots=True)
class Layout:
    """The parts of one JPEG picture that begins at `start`; it occupies data[start:end]."""

    start: int
    end: int = 0
    width: int = 0
    height: int = 0
    is_progressive: bool = False
    scans: list[Scan] = field(default_factory=list)
    damage: Damage | None = None
    exif: bytes = b""
    xmp: bytes = b""
    mpf: tuple[int, int] | None = None  # where the MPF index's TIFF header lies, and its length
    is_gain_map: bool = False
    profile_parts: dict[int, bytes] = field(default_factory=dict)
    frame: bytes = b""  # the frame's segment with its marker
    restart_interval: int = 0
    is_arithmetic: bool = False
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    quantisation: dict[int, bytes] = field(
        default_factory=dict
    )  # before the first scan, by number, as they stand
    luminance_table: int = 0  # the number of the first component's table
    # component -> the lowest bit still missing of each of its 64 coefficients; empty: no scan has had it
    components: dict[int, dict[int, int]] = field(default_factory=dict)

    @property
    def luminance(self) -> tuple[int, ...]:
        """The table of the first component, 64 values in rows (T.81, B.2.4.1); empty where there is none."""
        raw = self.quantisation.get(self.luminance_table, b"")
        values = struct.unpack(f">64{'H' if len(raw) == 128 else 'B'}", raw) if raw else ()
        return tuple(values[at] for at in IN_ROWS) if values else ()

    @property
    def profile(self) -> bytes:
        parts = self.profile_parts
        whole = b"".join(parts[number] for number in sorted(parts))
        is_whole = sorted(parts) == list(range(1, len(parts) + 1))
        return whole if is_whole and len(whole) <= MAX_PROFILE_BYTES else b""

    @property
    def is_complete(self) -> bool:
        """Whether the scans, as their headers say, bring every bit of every coefficient."""
        needed = range(64)
        return all(
            found and (not self.is_progressive or all(found.get(number) == 0 for number in needed))
            for found in self.components.values()
        )


def walk(data: bytes) -> Container:
    """Find the picture's end and size. Raises ImageRefused where no picture can be seen."""
    layout = parse(data)
    passes = len(layout.scans) if layout.is_progressive else 1
    return Container(
        "JPEG",
        layout.width,
        layout.height,
        end=layout.end,
        work=layout.width * layout.height * passes,
        damage=layout.damage,
    )


def parse(data: bytes, start: int = 0) -> Layout:
    """Read the markers of the JPEG at `start`. Raises ImageRefused when it has no frame or no scan."""
    layout = Layout(start)
    kept: list[bytes] = [b"\xff\xd8"]
    position = start + 2
    for _ in range(MAX_SEGMENTS):
        marker, position = _next_marker(data, position, layout)
        if marker in (None, EOI, SOI):
            break
        if marker == TEM or marker in RESTARTS:
            continue
        segment = _segment(data, position)
        if segment is None:
            marker = None
            break
        begin, position = position - 2, position + 2 + len(segment)
        if marker == DRI and len(segment) >= 2:
            layout.restart_interval = int.from_bytes(segment[:2])
        if marker in FRAMES:
            _read_frame(segment, marker, layout)
            layout.frame = data[begin:position]
        elif marker == DQT and not layout.scans:  # a later one does not change what was decoded
            _read_quantisation(segment, layout)
        if marker in FRAMES or marker in TABLES or _tells_colour_space(marker, segment):
            kept.append(data[begin:position])
        elif marker == SOS:
            kept.append(data[begin:position])
            position = _read_scan(data, position, b"".join(kept), segment, layout)
            kept.clear()
        else:
            _read_metadata(marker, segment, begin + 4, layout)
    else:
        raise corrupt(f"more than {MAX_SEGMENTS} segments")
    _finish(data, layout, marker, position)
    return layout


def load(data: bytes, max_side: int | None) -> Loaded:
    """Decode; a picture that is scaled meanwhile keeps nearly `max_side` at least (`reducing`)."""
    layout = parse(data)
    _write_height(layout)
    with Image.open(io.BytesIO(layout.scans[0].head + b"\xff\xd9"), formats=["JPEG"]) as image:
        if max_side is not None:
            image.draft(None, size_nearly(image.size, max_side))
        try:
            picture, damage = decode_scans(
                image,
                [(scan.head, _pieces(data, scan, layout)) for scan in layout.scans],
                is_only=not layout.is_progressive and len(layout.scans) == 1,
            )
        except NothingDecoded:
            raise truncated("none of its rows can be seen") from None
    if damage is Damage.ENDS_EARLY and layout.damage is None:
        damage = Damage.MISSING_PIXELS  # the end marker is there, and rows before it are not
    return Loaded(
        picture,
        orientation=orientation_from(layout.exif, layout.xmp),
        profile=layout.profile,
        damage=layout.damage or damage,
    )


def _write_height(layout: Layout) -> None:
    """Into the frame header, which libjpeg needs, where only a DNL segment told it."""
    frame, height = layout.frame, layout.height.to_bytes(2)
    if frame[5:7] != height:
        first = layout.scans[0]
        first.head = first.head.replace(frame, frame[:5] + height + frame[7:], 1)


def _pieces(data: bytes, scan: Scan, layout: Layout) -> list[bytes]:
    """The data of a scan, by restart intervals. Arithmetic coding cannot pause in the middle of a scan's data."""
    if scan.has_restarts and not layout.is_arithmetic:
        return pieces(data, scan.start, scan.end)
    return [data[scan.start : scan.end]]


def _next_marker(data: bytes, position: int, layout: Layout) -> tuple[int | None, int]:
    """The next marker and the position behind it, or None at the end of the data.

    Some cameras leave zero bytes between segments; anything else there is damage that can be skipped.
    """
    while True:
        found = data.find(b"\xff", position)
        if found < 0:
            return None, len(data)
        if found > position and data.count(0, position, found) < found - position:
            layout.damage = layout.damage or Damage.CORRUPT_DATA
        position = found
        while position < len(data) and data[position] == 0xFF:
            position += 1
        if position >= len(data):
            return None, position
        if data[position]:
            return data[position], position + 1


def _segment(data: bytes, position: int) -> bytes | None:
    """The content of the segment whose length lies at `position`; None when the data end inside it."""
    if position + 2 > len(data):
        return None
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2:
        raise corrupt("a JPEG segment without length")
    return data[position + 2 : position + length] if position + length <= len(data) else None


def _read_frame(segment: bytes, marker: int, layout: Layout) -> None:
    if layout.components or len(segment) < 6:
        raise corrupt("the JPEG frame header")
    layout.height, layout.width = struct.unpack_from(">HH", segment, 1)
    layout.is_progressive = marker in PROGRESSIVE
    layout.is_arithmetic = marker in ARITHMETIC
    places = range(6, len(segment) - 2, 3)
    layout.components = {segment[at]: {} for at in places}
    layout.luminance_table = segment[8] if len(segment) > 8 else 0
    layout.sampling = {segment[at]: (segment[at + 1] >> 4, segment[at + 1] & 0x0F) for at in places}
    if not all(horizontal and vertical for horizontal, vertical in layout.sampling.values()):
        raise corrupt("the JPEG frame header")


def _read_quantisation(segment: bytes, layout: Layout) -> None:
    """Notes where each table is; one that is cut off is left to the decoder to refuse."""
    at = 0
    while at < len(segment):
        end = at + 1 + (128 if segment[at] >> 4 else 64)
        if len(segment) < end:
            return
        layout.quantisation[segment[at] & 0x0F] = segment[at + 1 : end]
        at = end


def _tells_colour_space(marker: int, segment: bytes) -> bool:
    is_jfif, is_adobe = segment.startswith(b"JFIF\0"), segment.startswith(b"Adobe")
    return (marker == APP0 and is_jfif) or (marker == APP14 and is_adobe)


def _read_metadata(marker: int, segment: bytes, at: int, layout: Layout) -> None:
    if marker == APP1 and segment.startswith(b"Exif\0\0"):
        layout.exif = layout.exif or segment
    elif marker == APP1 and segment.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        layout.xmp = layout.xmp or segment[29:]
    elif marker == APP2 and segment.startswith(b"ICC_PROFILE\0") and len(segment) > 14:
        layout.profile_parts.setdefault(segment[12], segment[14:])
    elif marker == APP2 and segment.startswith(b"MPF\0"):
        layout.mpf = layout.mpf or (at + 4, len(segment) - 4)
    elif marker == APP2 and segment.startswith(b"urn:iso:std:iso:ts:21496:-1\0"):
        layout.is_gain_map = True


def _read_scan(data: bytes, start: int, head: bytes, segment: bytes, layout: Layout) -> int:
    """Note one scan and return the position behind its data. A marker that cannot stand there is damage inside it."""
    if len(layout.scans) == MAX_SCANS:
        detail = f"The JPEG has more than {MAX_SCANS} scans. Export it again."
        raise ImageRefused("too_many_scans", 422, detail)
    _note_coefficients(segment, layout)
    position = start
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(data, position)
        if found is None:
            end = len(data)
            break
        if data[found.start() + 1] in AFTER_SCAN:
            end = found.start()
            break
        layout.damage, position = Damage.CORRUPT_DATA, found.end()
    else:
        raise corrupt(f"more than {MAX_SEGMENTS} markers in a scan")
    _read_line_count(data, end, layout)
    layout.scans.append(Scan(head, start, end, has_restarts=layout.restart_interval > 0))
    if layout.restart_interval:
        layout.damage = layout.damage or restart_damage(data, layout, layout.scans[-1], segment)
    return end


def _read_line_count(data: bytes, at: int, layout: Layout) -> None:
    """T.81, B.2.5: behind the first scan, a DNL segment may tell the height; the frame header has 0 then."""
    if not data.startswith(DNL_BEGINS, at) or at + 6 > len(data):
        return
    (lines,) = struct.unpack_from(">H", data, at + 4)
    if layout.height == 0:
        layout.height = lines
    elif lines != layout.height:
        layout.damage = layout.damage or Damage.CORRUPT_DATA


def _note_coefficients(segment: bytes, layout: Layout) -> None:
    """T.81 B.2.3: components of the scan, its band of coefficients (Ss, Se) and the bit that it reaches (Al)."""
    count = segment[0] if segment else 0
    if not count or len(segment) < 1 + 2 * count + 3:
        raise corrupt("a JPEG scan header")
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    for number in range(count):
        found = layout.components.get(segment[1 + 2 * number])
        if found is not None:
            found.update(dict.fromkeys(range(first, min(last, 63) + 1) or (0,), bits & 0x0F))


def _finish(data: bytes, layout: Layout, marker: int | None, position: int) -> None:
    layout.end = position - 2 if marker == SOI else min(position, len(data))
    ends_early = marker != EOI
    if not layout.components or not layout.scans:
        raise truncated("before its pixels") if ends_early else corrupt("no picture in the JPEG")
    if ends_early:
        layout.end = layout.end if marker == SOI else len(data)
        if layout.damage in (None, Damage.MISSING_PIXELS):
            layout.damage = Damage.ENDS_EARLY
    elif not layout.is_complete:
        layout.damage = layout.damage or Damage.MISSING_PIXELS
