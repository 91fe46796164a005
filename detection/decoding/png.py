"""PNG (third edition, 2025): chunks up to IEND. Decoding sees only the chunks that make up the pixels.

Ancillary chunks may be large or damaged, and compressed text may be a bomb: they are dropped before decoding.
"""

import io
import struct
import zlib
from dataclasses import dataclass, field

from PIL import Image, ImageFile

from detection.decoding.facts import (
    Container,
    Damage,
    Loaded,
    Trailing,
    TrailingKind,
    animated,
    corrupt,
    truncated,
)
from detection.decoding.orientation import orientation_from
from detection.decoding.png_chunks import BEFORE_ROWS, SIGNATURE, hides_a_picture, is_wrong
from detection.decoding.png_key import with_key_transparent
from detection.decoding.trailing import padding_or_unknown

MAX_CHUNKS = 10_000
MAX_PROFILE_BYTES = 4_000_000
MAX_XMP_BYTES = 1_000_000
# zlib copies the input that it has not used yet: small steps of input keep that cheap, whatever they unpack to.
PACKED_STEP_BYTES, UNPACKED_STEP_BYTES = 16_384, 1_000_000
# First column and row, and steps to the right and down, of the seven passes of an interlaced picture.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PALETTE_COLOUR = 3


@dataclass(slots=True)
class Layout:
    """The chunks of a PNG that matter; `data` are the places [start, end) of the compressed rows."""

    end: int = 0
    header: bytes = b""
    palette: bytes = b""
    transparency: bytes = b""
    data: list[tuple[int, int]] = field(default_factory=list)
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    damage: Damage | None = None
    hidden_bytes: int = 0  # of private chunks that hold another picture


def walk(data: bytes) -> Container:
    """Find the picture's end and size. Raises ImageRefused where no picture can be seen."""
    layout = parse(data)
    width, height = struct.unpack_from(">II", layout.header)
    hidden = (Trailing(TrailingKind.UNKNOWN, layout.hidden_bytes),) if layout.hidden_bytes else ()
    return Container(
        "PNG",
        width,
        height,
        end=layout.end,
        work=width * height,
        damage=layout.damage,
        trailing=hidden,
    )


def parse(data: bytes) -> Layout:
    """Read the chunks. Raises ImageRefused for an animation, or when there are no pixels."""
    layout, position, is_ended = Layout(), len(SIGNATURE), False
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if not kind.isalpha():
            layout.damage = Damage.CORRUPT_DATA
            break
        _read_chunk(data, kind, start, min(end, len(data)), layout)
        position = end + 4
        if position > len(data):
            break
        if kind == b"IEND":
            is_ended = True
            break
    else:
        raise corrupt(f"more than {MAX_CHUNKS} PNG chunks")
    layout.end = min(position, len(data)) if is_ended else len(data)
    if not is_ended:
        layout.damage = layout.damage or Damage.ENDS_EARLY
    if len(layout.header) < 13 or not layout.data:
        raise corrupt("no picture in the PNG") if is_ended else truncated("before its pixels")
    if layout.header[9] == PALETTE_COLOUR and not layout.palette:
        layout.damage = layout.damage or Damage.CORRUPT_DATA
    return layout


def _read_chunk(data: bytes, kind: bytes, start: int, end: int, layout: Layout) -> None:
    if not layout.header and kind != b"IHDR":
        raise corrupt("the PNG header")
    already = {b"IHDR": layout.header, b"PLTE": layout.palette, b"tRNS": layout.transparency}
    is_misplaced = bool(already.get(kind)) or (kind in BEFORE_ROWS and bool(layout.data))
    if is_misplaced or is_wrong(data, kind, start, end):
        layout.damage = layout.damage or Damage.CORRUPT_DATA
    elif hides_a_picture(data, kind, start, end):
        layout.hidden_bytes += end - start
    match kind:
        case b"IHDR":
            layout.header = layout.header or data[start:end]
        case b"PLTE":
            layout.palette = layout.palette or data[start:end]
        case b"tRNS":
            layout.transparency = layout.transparency or data[start:end]
        case b"IDAT":
            layout.data.append((start, end))
        case b"acTL":
            raise animated()
        case b"iCCP":
            layout.profile = layout.profile or _profile(data[start:end])
        case b"eXIf":
            layout.exif = layout.exif or data[start:end]
        case b"iTXt" if data.startswith(b"XML:com.adobe.xmp\0\0", start):
            layout.xmp = layout.xmp or data[start : min(end, start + MAX_XMP_BYTES)]


def _profile(chunk: bytes) -> bytes:
    """The ICC profile of an iCCP chunk; empty when it is damaged or too large."""
    _, _, rest = chunk.partition(b"\0")
    unpacked = _inflated(rest[1:], MAX_PROFILE_BYTES + 1)
    return unpacked if len(unpacked) <= MAX_PROFILE_BYTES else b""


def _inflated(packed: bytes, at_most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, at_most)
    except zlib.error:
        return b""


def load(data: bytes, max_side: int | None) -> Loaded:
    """Decode; what is missing or unreadable stays black. Raises what Pillow raises, ImageRefused if nothing shows."""
    layout = parse(data)
    packed = b"".join(data[start:end] for start, end in layout.data)
    clean = _clean(layout, packed)
    rows = _unpack(packed, _needed_bytes(layout))
    damage = rows.damage
    image: Image.Image | None = None
    try:
        image = _decoded(clean)
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error):
        # Where the compressed data are whole, the rows break a rule of their own.
        damage = damage or Damage.CORRUPT_DATA
    if damage and not _shows_a_row(layout, packed):
        raise truncated("none of its rows can be seen")
    image = image or _decoded(clean, leniently=True)
    if _has_colours_outside_its_palette(image, layout):
        damage = damage or Damage.CORRUPT_DATA
    return Loaded(
        with_key_transparent(image, layout.header, layout.transparency),
        orientation=orientation_from(layout.exif, layout.xmp),
        profile=layout.profile,
        damage=layout.damage or damage,
        trailing=rows.trailing,
    )


def _has_colours_outside_its_palette(image: Image.Image, layout: Layout) -> bool:
    """Programs disagree about a pixel whose number the palette does not have."""
    if layout.header[9] != PALETTE_COLOUR or image.mode != "P":
        return False
    _, highest = image.getextrema()
    return int(highest) >= len(layout.palette) // 3  # type: ignore[arg-type]


def _needed_bytes(layout: Layout) -> int:
    """What the rows take uncompressed, each with its filter's number (PNG 7.2 and 8.1)."""
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", layout.header)
    bits = depth * CHANNELS.get(colour, 1)
    passes = ADAM7 if interlace else [(0, 0, 1, 1)]
    total = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """How many bytes the compressed rows gave, what is wrong with them, and what follows them in their chunks.

    At most one byte more than was asked for is counted.
    """

    found_bytes: int
    damage: Damage | None
    trailing: tuple[Trailing, ...] = ()


def _unpack(packed: bytes, needed_bytes: int) -> _Unpacked:
    """Unpack `needed_bytes` and the stream's end, and keep nothing. More rows may be a bomb and are not looked at."""
    unpacker, found, view = zlib.decompressobj(), 0, memoryview(packed)
    position = 0
    try:
        while position < len(view) and found <= needed_bytes and not unpacker.eof:
            rest: bytes | memoryview = view[position : position + PACKED_STEP_BYTES]
            position += len(rest)
            while found <= needed_bytes and not unpacker.eof:
                wanted = min(UNPACKED_STEP_BYTES, needed_bytes + 1 - found)
                unpacked = unpacker.decompress(rest, wanted)
                found += len(unpacked)
                rest = unpacker.unconsumed_tail
                if not rest and len(unpacked) < wanted:
                    break
    except zlib.error:
        return _Unpacked(found, Damage.CORRUPT_DATA)
    if found < needed_bytes:
        return _Unpacked(found, Damage.MISSING_PIXELS)
    if found > needed_bytes or not unpacker.eof:
        return _Unpacked(found, Damage.CORRUPT_DATA)  # more rows than the header says, or no checksum
    behind = unpacker.unused_data + view[position:]
    return _Unpacked(found, None, (Trailing(padding_or_unknown(behind), len(behind)),) if behind else ())


def _decoded(clean: bytes, *, leniently: bool = False) -> Image.Image:
    ImageFile.LOAD_TRUNCATED_IMAGES = leniently  # the decoder process has one thread
    try:
        image = Image.open(io.BytesIO(clean), formats=["PNG"])
        image.load()
        return image
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _clean(layout: Layout, packed: bytes) -> bytes:
    chunks = [(b"IHDR", layout.header[:13])]
    chunks += [(b"PLTE", layout.palette)] if layout.palette else []
    # A transparent colour (no palette) is looked up by `with_key_transparent`, because Pillow mistakes some depths.
    has_palette = layout.header[9] == 3
    chunks += [(b"tRNS", layout.transparency)] if layout.transparency and has_palette else []
    chunks += [(b"IDAT", packed), (b"IEND", b"")]
    parts = [SIGNATURE]
    for kind, body in chunks:
        checksum = zlib.crc32(body, zlib.crc32(kind))
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)]
    return b"".join(parts)


def _shows_a_row(layout: Layout, packed: bytes) -> bool:
    width, _, depth, colour = struct.unpack_from(">IIBB", layout.header)
    row = 1 + (width * depth * CHANNELS.get(colour, 1) + 7) // 8
    return _unpack(packed, row).found_bytes >= row
