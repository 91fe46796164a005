"""WebP (RFC 9649): RIFF chunks up to the size that the file states. Decoding sees only the picture's own chunks."""

import io
import struct
from dataclasses import dataclass

from PIL import Image

from detection.decoding.facts import Container, Damage, Loaded, animated, corrupt, truncated
from detection.decoding.orientation import orientation_from
from detection.decoding.runs import LONGEST_RUN_BYTES, has_long_run

MAX_CHUNKS = 10_000
MAX_METADATA_BYTES = 4_000_000
CANVAS, LOSSY, LOSSLESS, ALPHA = b"VP8X", b"VP8 ", b"VP8L", b"ALPH"
# Flat pictures of libwebp have runs of zeros of 0.025 bytes for each macroblock, at every size and quality.
LONGEST_RUN_OF_MACROBLOCK = 0.05
ANIMATION_FLAG, ALPHA_FLAG = 0x02, 0x10
ALPHA_METHOD, ALPHA_IS_RAW, ALPHA_IS_LOSSLESS = 0x03, 0, 1  # RFC 9649, 2.7.1.2
# libwebp does without the last 3 bytes of a whole lossy picture, and without the last one of a lossless picture.
LEFT_OUT_BYTES = {LOSSY: 8, LOSSLESS: 4}
PROBED_BYTES_MIN = 64  # a shorter picture is flat
PROBED_PIXELS_MAX = 20_000_000  # because looking for left-over data takes as long as decoding


@dataclass(slots=True)
class Layout:
    end: int = 0
    width: int = 0
    height: int = 0
    picture: tuple[bytes, bytes] = (b"", b"")  # the chunk's name and its content
    alpha: bytes = b""
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    damage: Damage | None = None


def walk(data: bytes) -> Container:
    """Find the picture's end and size. Raises ImageRefused where no picture can be seen."""
    layout = parse(data)
    return Container(
        "WEBP",
        layout.width,
        layout.height,
        end=layout.end,
        work=layout.width * layout.height,
        damage=layout.damage,
    )


def parse(data: bytes) -> Layout:
    """Read the chunks. A picture whose own chunk is cut off cannot be decoded in part: that raises ImageRefused."""
    if len(data) < 20:
        raise truncated("inside the WebP header")
    stated = 8 + struct.unpack_from("<I", data, 4)[0]
    layout = Layout(end=min(stated + stated % 2, len(data)))
    if stated > len(data):
        layout.damage = Damage.ENDS_EARLY
    canvas, position = None, 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > layout.end:
            break
        kind, length = struct.unpack_from("<4sI", data, position)
        start, end = position + 8, position + 8 + length
        if kind in (b"ANIM", b"ANMF"):
            raise animated()
        if end > layout.end:
            if not layout.picture[0]:
                raise truncated("inside the WebP's picture")
            layout.damage = Damage.ENDS_EARLY
            break
        if kind == CANVAS:
            canvas = _canvas_size(data[start:end])
        else:
            _read_chunk(data, kind, start, end, layout)
        position = end + length % 2
    if not layout.picture[0]:
        raise corrupt("no picture in the WebP")
    layout.width, layout.height = _frame_size(*layout.picture)
    if canvas and canvas != (layout.width, layout.height):
        layout.damage = layout.damage or Damage.MISSING_PIXELS
    return layout


def _canvas_size(body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise corrupt("the WebP header")
    if body[0] & ANIMATION_FLAG:
        raise animated()
    return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1


def _read_chunk(data: bytes, kind: bytes, start: int, end: int, layout: Layout) -> None:
    if kind in (LOSSY, LOSSLESS):
        if not layout.picture[0]:
            layout.picture = (kind, data[start:end])
    elif kind == ALPHA:
        layout.alpha = layout.alpha or data[start:end]
    elif end - start <= MAX_METADATA_BYTES:
        if kind == b"ICCP":
            layout.profile = layout.profile or data[start:end]
        elif kind == b"EXIF":
            layout.exif = layout.exif or data[start:end]
        elif kind == b"XMP ":
            layout.xmp = layout.xmp or data[start:end]


def _frame_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == LOSSY and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == LOSSLESS and body[:1] == b"\x2f" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise corrupt("the WebP's picture")


def load(data: bytes, max_side: int | None) -> Loaded:
    layout = parse(data)
    return Loaded(
        _decoded(_clean(layout)),
        orientation=orientation_from(layout.exif, layout.xmp),
        profile=layout.profile,
        damage=layout.damage or _overwritten(layout),
    )


def _decoded(clean: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(clean), formats=["WEBP"])
    image.load()
    return image


def _overwritten(layout: Layout) -> Damage | None:
    """Whether pixels or alpha were overwritten, which their decoder does not notice.

    After changed data it reads too much, which is an error, or too little: then it can do without the last bytes.
    """
    if _has_long_run(layout) or _has_surplus_alpha(layout):
        return Damage.CORRUPT_DATA
    if layout.width * layout.height > PROBED_PIXELS_MAX:
        return None
    streams = [layout.picture]
    if layout.alpha and layout.alpha[0] & ALPHA_METHOD == ALPHA_IS_LOSSLESS:
        header = (layout.width - 1) | (layout.height - 1) << 14
        streams.append((LOSSLESS, b"\x2f" + header.to_bytes(4, "little") + layout.alpha[1:]))
    return Damage.CORRUPT_DATA if any(_has_left_over(*stream) for stream in streams) else None


def _has_long_run(layout: Layout) -> bool:
    """Whether a lossy picture has a long run; lossless ones may hold any."""
    kind, body = layout.picture
    macroblocks = -(-layout.width // 16) * -(-layout.height // 16)
    longest = max(LONGEST_RUN_BYTES, int(macroblocks * LONGEST_RUN_OF_MACROBLOCK))
    return kind == LOSSY and has_long_run(body, 0, len(body), longest)


def _has_surplus_alpha(layout: Layout) -> bool:
    is_raw = bool(layout.alpha) and layout.alpha[0] & ALPHA_METHOD == ALPHA_IS_RAW
    return is_raw and len(layout.alpha) - 1 > layout.width * layout.height


def _has_left_over(kind: bytes, body: bytes) -> bool:
    if len(body) < PROBED_BYTES_MIN:
        return False
    try:
        _decoded(_file([(kind, body[: -LEFT_OUT_BYTES[kind]])]))
    except (OSError, ValueError):
        return False
    return True


def _clean(layout: Layout) -> bytes:
    chunks = [layout.picture]
    if layout.alpha and layout.picture[0] == LOSSY:
        size = (layout.width - 1).to_bytes(3, "little") + (layout.height - 1).to_bytes(3, "little")
        chunks = [(CANVAS, bytes([ALPHA_FLAG, 0, 0, 0]) + size), (ALPHA, layout.alpha), layout.picture]
    return _file(chunks)


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in chunks]
    inner = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner
