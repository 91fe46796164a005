"""HEIC and AVIF (ISO/IEC 23008-12, AV1 Image File Format): the primary picture of a file that may hold several.

Rotation and mirroring are part of these formats and are applied by the decoders; an EXIF orientation does not count.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from detection.decoding.boxes import Box, boxes
from detection.decoding.facts import (
    Container,
    Damage,
    Format,
    Loaded,
    Trailing,
    TrailingKind,
    animated,
    corrupt,
    truncated,
)
from detection.decoding.profiles import profile_of_codes

AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
TRAILING_BOXES = {b"mpvd": TrailingKind.MOTION_PHOTO, b"sefd": TrailingKind.SAMSUNG}
ITEMS_MAX = 10_000
SIDE_MAX = 1 << 20


@dataclass(slots=True)
class Layout:
    """The primary picture's properties; its size is the one it is shown in."""

    format: Format
    end: int = 0
    width: int = 0
    height: int = 0
    is_turned: bool = False  # by a quarter
    profile: bytes = b""
    damage: Damage | None = None
    trailing: tuple[Trailing, ...] = ()


def format_of(data: bytes) -> Format | None:
    """HEIC or AVIF by the brands of the first box, None for a video or anything else."""
    first = next(boxes(data[:4096], 0, min(len(data), 4096)), None)
    if first is None or first.kind != b"ftyp":
        return None
    names = data[first.body : first.body + 4] + data[first.body + 8 : first.end]
    brands = {names[at : at + 4] for at in range(0, len(names) - 3, 4)}
    if brands & AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & HEIC_BRANDS else None


def walk(data: bytes) -> Container:
    """Find the primary picture's size and the end of the boxes. Raises ImageRefused."""
    layout = parse(data)
    return Container(
        layout.format,
        layout.width,
        layout.height,
        end=layout.end,
        work=2 * layout.width * layout.height,  # these codecs take at least twice as long per pixel
        damage=layout.damage,
        trailing=layout.trailing,
    )


def parse(data: bytes) -> Layout:
    found = format_of(data)
    if found is None:
        raise corrupt("the first box")
    layout, meta, trailing, has_track = Layout(found), None, [], False
    for box in boxes(data, 0, len(data)):
        if box.kind in TRAILING_BOXES:
            trailing.append(Trailing(TRAILING_BOXES[box.kind], box.end - box.start))
        elif box.kind == b"meta":
            meta = meta or box
        elif box.kind == b"moov":
            has_track = True
        layout.end = box.end
        if box.is_cut:
            layout.damage = Damage.ENDS_EARLY
    layout.trailing = tuple(trailing)
    if has_track and (meta is None or found == "AVIF"):
        raise animated()
    if meta is None:
        raise truncated("before its pixels") if layout.damage else corrupt("no picture in the file")
    try:
        _read_meta(data, meta, layout)
    except struct.error:
        raise corrupt("the description of the picture") from None
    if not layout.width or not layout.height:
        raise corrupt("a picture without size")
    if layout.is_turned:
        layout.width, layout.height = layout.height, layout.width
    return layout


def _read_meta(data: bytes, meta: Box, layout: Layout) -> None:
    """Follow pitm to the properties (ipco) that ipma associates with the primary picture."""
    inner = {box.kind: box for box in boxes(data, meta.body + 4, meta.end)}
    if b"pitm" not in inner or b"iprp" not in inner:
        raise corrupt("no primary picture")
    pitm = inner[b"pitm"]
    (primary,) = struct.unpack_from(">I" if data[pitm.body] else ">H", data, pitm.body + 4)
    properties: list[Box] = []
    wanted: list[int] = []
    for box in boxes(data, inner[b"iprp"].body, inner[b"iprp"].end):
        if box.kind == b"ipco":
            properties = list(boxes(data, box.body, box.end))
        elif box.kind == b"ipma":
            wanted += [number for item, number in _associations(data, box) if item == primary]
    for number in wanted:
        if 1 <= number <= len(properties):
            _read_property(data, properties[number - 1], layout)


def _associations(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    """Pairs of an item and the number (from 1) of a property that it has."""
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


def _read_property(data: bytes, box: Box, layout: Layout) -> None:
    if box.kind == b"ispe":
        width, height = struct.unpack_from(">II", data, box.body + 4)
        layout.width, layout.height = min(width, SIDE_MAX), min(height, SIDE_MAX)
    elif box.kind == b"irot":
        layout.is_turned = bool(data[box.body] & 1)
    elif box.kind == b"colr":
        kind = data[box.body : box.body + 4]
        if kind in (b"prof", b"rICC"):
            layout.profile = data[box.body + 4 : box.end]
        elif kind == b"nclx" and not layout.profile:
            layout.profile = profile_of_codes(*struct.unpack_from(">HH", data, box.body + 4))


def load(data: bytes, max_side: int | None) -> Loaded:
    """Decode the primary picture. A cut-off file raises: neither decoder gives a part of a picture."""
    layout = parse(data)
    picture = data[: layout.end]
    image, orientation = _avif(picture) if layout.format == "AVIF" else (_heic(picture), 1)
    turned = {image.size, image.size[::-1]}
    if (layout.width, layout.height) not in turned:
        raise corrupt("its size differs from what the file says")
    return Loaded(image, orientation=orientation, profile=layout.profile, damage=layout.damage)


def _heic(picture: bytes) -> Image.Image:
    import pi_heif  # loads libheif and libde265; most pictures need neither

    pi_heif.options.DECODE_THREADS = 1
    opened = pi_heif.open_heif(io.BytesIO(picture), convert_hdr_to_8bit=True)
    primary = opened[opened.primary_index]
    # Not its to_pillow(), which parses the metadata.
    return Image.frombytes(
        primary.mode, primary.size, bytes(primary.data), "raw", primary.mode, primary.stride
    )


def _avif(picture: bytes) -> tuple[Image.Image, int]:
    """The pixels, and the container's rotation in the form of EXIF. Not by Image.open, which parses the metadata."""
    from PIL import _avif as codec

    decoder = codec.AvifDecoder(_without_exif(picture), "auto", 1)
    size, frames, mode, _, _, orientation, _ = decoder.get_info()
    if frames > 1:
        raise animated()
    return Image.frombytes(mode, size, decoder.get_frame(0)[0]), orientation


def _without_exif(picture: bytes) -> bytes:
    """libavif refuses a file whose EXIF is broken; an item of an unknown type it ignores."""
    meta = next(box for box in boxes(picture, 0, len(picture)) if box.kind == b"meta")
    items = next((box for box in boxes(picture, meta.body + 4, meta.end) if box.kind == b"iinf"), None)
    if items is None:
        return picture
    renamed = picture[items.body : items.end].replace(b"Exif", b"skip")
    return picture[: items.body] + renamed + picture[items.end :]
