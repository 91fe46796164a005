"""HEIC and AVIF (ISO/IEC 23008-12, AV1 Image File Format): the primary picture of a file that may hold several.

Rotation and mirroring are part of these formats and are applied by the decoders; an EXIF orientation does not count.
"""

import io
import struct
from dataclasses import dataclass

from PIL import Image

from detection.decoding.boxes import Box, boxes
from detection.decoding.facts import (
    Container,
    Damage,
    Format,
    Loaded,
    Trailing,
    animated,
    corrupt,
    truncated,
)
from detection.decoding.heif_extra import foreign_parts, phone_parts
from detection.decoding.heif_items import (
    CropBox,
    associations,
    clean_aperture,
    coded_extents,
    last_extent_end,
    mirrored,
    turned_left,
)
from detection.decoding.profiles import profile_of_codes
from detection.decoding.runs import LONGEST_RUN_BYTES, has_long_run

AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
PHONE_BOXES = {b"mpvd", b"sefd"}
# What a file of this format consists of. Behind the picture's data anything else is not part of the file.
OWN_BOXES = {b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"wide", b"idat", *PHONE_BOXES}
SIDE_MAX = 1 << 20
# Flat HEVC pictures of x265 have runs of 4 bytes for each megapixel, others and AV1 none.
LONGEST_RUN_OF_PIXEL = 1e-5


@dataclass(slots=True)
class Layout:
    """The primary picture's properties; its size is the one it is shown in."""

    format: Format
    end: int = 0
    width: int = 0
    height: int = 0
    coded_width: int = 0
    coded_height: int = 0
    clap_at: int | None = None  # where the content of the primary picture's `clap` box begins
    crop: CropBox | None = None  # what it shows of the coded picture
    turned_crop: CropBox | None = None  # the same part after the coded picture was turned and mirrored
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
        work=2
        * layout.coded_width
        * layout.coded_height,  # these codecs take at least twice as long per pixel
        damage=layout.damage,
        trailing=layout.trailing,
    )


def parse(data: bytes) -> Layout:
    found = format_of(data)
    if found is None:
        raise corrupt("the first box")
    layout, meta, picture_end, has_track = Layout(found), None, 0, False
    trailing: list[Trailing] = []
    own: list[Box] = []
    for box in boxes(data, 0, len(data)):
        is_complete = meta is not None and box.start >= picture_end
        if is_complete and (box.kind not in OWN_BOXES or box.kind == b"ftyp"):
            break  # something else was appended; `trailing` names it
        own.append(box)
        if box.kind in PHONE_BOXES:
            trailing += phone_parts(data, box)
        elif box.kind == b"meta" and meta is None:
            meta, picture_end = box, _picture_end(data, box)
        elif box.kind == b"moov":
            has_track = True
        layout.end = box.end
        if box.is_cut:
            layout.damage = Damage.ENDS_EARLY
        elif _is_open(data, box) and box.start < picture_end <= box.end:
            layout.end = picture_end  # what was appended to the file lies inside its last box
    if meta is not None:
        trailing += foreign_parts(data, own, _locations(data, meta), layout.end)
    layout.trailing = tuple(trailing)
    if has_track and (meta is None or found == "AVIF"):
        raise animated()
    if meta is None:
        raise truncated("before its pixels") if layout.damage else corrupt("no picture in the file")
    if picture_end > len(data):
        layout.damage = Damage.ENDS_EARLY
    try:
        _read_meta(data, meta, layout)
    except (struct.error, IndexError):
        raise corrupt("the description of the picture") from None
    if not layout.width or not layout.height:
        raise corrupt("a picture without size")
    return layout


def _picture_end(data: bytes, meta: Box) -> int:
    """Where the data of all items end; the end of the meta box when it does not say so."""
    iloc = _locations(data, meta)
    try:
        return max(meta.end, last_extent_end(data, iloc)) if iloc else meta.end
    except (struct.error, IndexError):
        return meta.end


def _locations(data: bytes, meta: Box) -> Box | None:
    return next((box for box in boxes(data, meta.body + 4, meta.end) if box.kind == b"iloc"), None)


def _is_open(data: bytes, box: Box) -> bool:
    """Whether the box gives no size and so reaches to the end of the file."""
    return data[box.start : box.start + 4] == bytes(4)


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
            wanted += [number for item, number in associations(data, box) if item == primary]
    own = [properties[number - 1] for number in wanted if 1 <= number <= len(properties)]
    # The transformations apply to the coded size, in the order in which they are associated.
    for box in sorted(own, key=lambda box: box.kind != b"ispe"):
        _read_property(data, box, layout)
    if layout.turned_crop:
        left, top, right, bottom = layout.turned_crop
        layout.width, layout.height = right - left, bottom - top


def _read_property(data: bytes, box: Box, layout: Layout) -> None:
    if box.kind == b"ispe":
        width, height = struct.unpack_from(">II", data, box.body + 4)
        layout.width, layout.height = min(width, SIDE_MAX), min(height, SIDE_MAX)
        layout.coded_width, layout.coded_height = layout.width, layout.height
    elif box.kind == b"clap":
        crop = clean_aperture(data, box, layout.width, layout.height)
        if crop is None:
            raise corrupt("the part of the picture that is to be shown")
        layout.clap_at, layout.crop, layout.turned_crop = box.body, crop, crop
    elif box.kind == b"irot":
        for _ in range(data[box.body] & 3):
            layout.turned_crop = turned_left(layout.turned_crop, layout.width)
            layout.width, layout.height = layout.height, layout.width
    elif box.kind == b"imir":
        is_sideways = bool(data[box.body] & 1)
        layout.turned_crop = mirrored(layout.turned_crop, layout.width, layout.height, is_sideways)
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
    image, orientation = (
        _avif(picture, layout.crop) if layout.format == "AVIF" else (_heic(picture, layout), 1)
    )
    turned = {image.size, image.size[::-1]}
    if (layout.width, layout.height) not in turned:
        raise corrupt("its size differs from what the file says")
    damage = layout.damage or _overwritten(data, layout)
    return Loaded(image, orientation=orientation, profile=layout.profile, damage=damage)


def _overwritten(data: bytes, layout: Layout) -> Damage | None:
    """Whether a compressed picture was overwritten: its decoder conceals that and says nothing."""
    meta = next(box for box in boxes(data, 0, len(data)) if box.kind == b"meta")
    inner = {box.kind: box for box in boxes(data, meta.body + 4, meta.end)}
    if b"iloc" not in inner or b"iinf" not in inner:
        return None
    try:
        places = coded_extents(data, inner[b"iloc"], inner[b"iinf"])
    except (struct.error, IndexError):
        return None
    longest = max(LONGEST_RUN_BYTES, int(layout.coded_width * layout.coded_height * LONGEST_RUN_OF_PIXEL))
    if any(has_long_run(data, start, end, longest) for start, end in places):
        return Damage.CORRUPT_DATA
    return None


def _heic(picture: bytes, layout: Layout) -> Image.Image:
    """The pixels, turned by libheif and cut by us: it refuses apertures that leave out much of the coded picture."""
    import pi_heif  # loads libheif and libde265; most pictures need neither

    if layout.clap_at is not None:
        whole = struct.pack(">IIIIiIiI", layout.coded_width, 1, layout.coded_height, 1, 0, 1, 0, 1)
        picture = picture[: layout.clap_at] + whole + picture[layout.clap_at + len(whole) :]
    pi_heif.options.DECODE_THREADS = 1
    opened = pi_heif.open_heif(io.BytesIO(picture), convert_hdr_to_8bit=True)
    primary = opened[opened.primary_index]
    # Not its to_pillow(), which parses the metadata.
    image = Image.frombytes(
        primary.mode, primary.size, bytes(primary.data), "raw", primary.mode, primary.stride
    )
    return image.crop(layout.turned_crop) if layout.turned_crop else image


def _avif(picture: bytes, crop: CropBox | None) -> tuple[Image.Image, int]:
    """The pixels, and the container's rotation in the form of EXIF. Not by Image.open, which parses the metadata.

    libavif leaves the clean aperture to its caller.
    """
    from PIL import _avif as codec

    decoder = codec.AvifDecoder(_without_exif(picture), "auto", 1)
    size, frames, mode, _, _, orientation, _ = decoder.get_info()
    if frames > 1:
        raise animated()
    image = Image.frombytes(mode, size, decoder.get_frame(0)[0])
    return (image.crop(crop) if crop else image), orientation


def _without_exif(picture: bytes) -> bytes:
    """libavif refuses a file whose EXIF is broken; an item of an unknown type it ignores."""
    meta = next(box for box in boxes(picture, 0, len(picture)) if box.kind == b"meta")
    items = next((box for box in boxes(picture, meta.body + 4, meta.end) if box.kind == b"iinf"), None)
    if items is None:
        return picture
    renamed = picture[items.body : items.end].replace(b"Exif", b"skip")
    return picture[: items.body] + renamed + picture[items.end :]
