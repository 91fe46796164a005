"""Metadata of a file about its origin. All of it can be removed or invented; its absence is no sign of
forgery.

Content credentials (C2PA) are recognised by their container and not verified: the verifying library has 53
MB.
"""

import contextlib
import io
import re
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import ExifTags, Image

from detection import decoding as images
from detection.decoding import ImageRefused
from detection.decoding.orientation import UPRIGHT

Thumbnail = Literal["none", "unreadable", "matches", "differs"]
TEXT_MAX = 120
XMP_MAX = 200_000
# A thumbnail is a sharpened, cropped, strongly compressed copy; another picture correlates far less.
THUMBNAIL_CORRELATION = 0.9
THUMBNAIL_SIDE = 24
EDITORS = re.compile(
    r"photoshop|lightroom|gimp|affinity|pixelmator|paint\.net|paintshop|corel|capture one|darktable|snapseed|picsart"
    r"|facetune|faceapp|meitu|beautyplus|youcam|airbrush|canva|pixlr|fotor|luminar|remini|photoscape|krita|photodirector",
    re.IGNORECASE,
)
GENERATORS = re.compile(
    r"stable.?diffusion|midjourney|dall.?e|firefly|comfyui|automatic1111|novelai|invokeai|imagen|trainedAlgorithmicMedia",
    re.IGNORECASE,
)
XMP_TOOL = re.compile(
    rb"(?:xmp:CreatorTool|stEvt:softwareAgent|tiff:Software)(?:=\"([^\"]{1,120})|>([^<]{1,120}))"
)
CREDENTIALS = {"JPEG": b"jumb", "PNG": b"caBX", "WEBP": b"C2PA"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts from the headers; an empty text means that the file does not state it."""

    has_exif: bool
    camera: str
    taken_at: str
    software: tuple[str, ...]
    editor: str
    generator: str
    has_place: bool
    thumbnail: Thumbnail
    has_credentials: bool


def read(data: bytes) -> Metadata:
    """The metadata of a picture whose container was checked; what cannot be parsed counts as absent.

    Raises ImageRefused when the picture itself cannot be decoded.
    """
    with warnings.catch_warnings(action="ignore"):  # a file's broken tags would fill the log
        return _read(data)


def _read(data: bytes) -> Metadata:
    form = images.format_of(data)
    headers = _heic_headers(data) if form == "HEIC" else _headers(data)
    exif, xmp, comments = headers.exif, headers.xmp, headers.comments
    software = [_text(exif.get(ExifTags.Base.Software)), _text(exif.get(ExifTags.Base.ProcessingSoftware))]
    software += [_text(a or b) for a, b in XMP_TOOL.findall(xmp)]
    spoken = " ".join((*software, *(c[:2000] for c in comments)))
    generated = GENERATORS.search(spoken) or GENERATORS.search(xmp.decode("latin-1"))
    if any("Steps:" in c and "Sampler:" in c for c in comments):
        spoken, generated = "stable diffusion", GENERATORS.search("stable diffusion")
    edited = EDITORS.search(spoken)
    return Metadata(
        has_exif=bool(exif),
        camera=" ".join(
            filter(None, (_text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))))
        ),
        taken_at=_text(_sub(exif, ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)),
        software=tuple(dict.fromkeys(name for name in software if name)),
        editor=edited.group(0) if edited else "",
        generator=generated.group(0) if generated else "",
        has_place=bool(_sub(exif, ExifTags.IFD.GPSInfo)),
        thumbnail=_thumbnail(data, headers.raw, exif, UPRIGHT.get(images.orientation_of(data))),
        has_credentials=CREDENTIALS.get(str(form), b"jumb") in data and b"c2pa" in data,
    )


@dataclass(frozen=True, slots=True)
class _Headers:
    """`raw`: the bytes of the EXIF block, whose offsets the thumbnail needs."""

    exif: Image.Exif
    raw: bytes
    xmp: bytes
    comments: list[str]


def _headers(data: bytes) -> _Headers:
    with Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP", "AVIF"]) as image:
        named = ("Software", "parameters", "Comment", "prompt")
        comments = [str(value) for key, value in image.info.items() if key in named]
        return _Headers(_exif(image), image.info.get("exif", b""), _xmp(image), comments)


def _heic_headers(data: bytes) -> _Headers:
    import pi_heif  # loads libheif, which the web process never needs

    opened = pi_heif.open_heif(io.BytesIO(data))
    info = opened[opened.primary_index].info
    exif, raw = Image.Exif(), info.get("exif") or b""
    with contextlib.suppress(Exception):  # hostile or broken metadata must not cost the other findings
        exif.load(raw)
    return _Headers(exif, raw, (info.get("xmp") or b"")[:XMP_MAX], [])


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # hostile or broken metadata must not affect the other findings
        return Image.Exif()


def _sub(exif: Image.Exif, part: int) -> dict[int, object]:
    try:
        return dict(exif.get_ifd(part))
    except Exception:
        return {}


def _xmp(image: Image.Image) -> bytes:
    xmp = image.info.get("xmp", b"")
    return (xmp if isinstance(xmp, bytes) else str(xmp).encode())[:XMP_MAX]


def _text(value: object) -> str:
    """Printable text of at most TEXT_MAX characters; anything else becomes empty."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value if c.isprintable()).strip()[:TEXT_MAX]


def _thumbnail(data: bytes, raw: bytes, exif: Image.Exif, turn: Image.Transpose | None) -> Thumbnail:
    """Whether the embedded preview shows the same picture: editors that change only the picture leave the old one."""
    place = _sub(exif, ExifTags.IFD.IFD1)
    start, size = place.get(ExifTags.Base.JpegIFOffset), place.get(ExifTags.Base.JpegIFByteCount)
    if not isinstance(start, int) or not isinstance(size, int) or not raw.startswith(b"Exif\0\0"):
        return "none"
    try:
        preview = images.decode(raw[6 + start : 6 + start + size])
    except ImageRefused:
        return "unreadable"
    if turn is not None:
        preview = preview.transpose(turn)
    picture = images.decode(data, max_side=400)
    return "matches" if _alike(picture, preview) >= THUMBNAIL_CORRELATION else "differs"


def _alike(picture: Image.Image, preview: Image.Image) -> float:
    """Correlation -1..1 of the luminance, after the bars that fill a preview of another shape are cut off."""
    width, height = preview.size
    inner = (
        min(width, height * picture.width / picture.height),
        min(height, width * picture.height / picture.width),
    )
    left, top = (width - inner[0]) / 2, (height - inner[1]) / 2
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    box = (left, top, left + inner[0], top + inner[1])
    shrunk = [
        np.asarray(grey.resize(side, Image.Resampling.BOX, box=part), dtype=np.float64).ravel()
        for grey, part in ((picture.convert("L"), None), (preview.convert("L"), box))
    ]
    if min(values.std() for values in shrunk) < 1:
        return 1.0  # a flat picture has no information
    one, other = ((values - values.mean()) / values.std() for values in shrunk)
    return float((one * other).mean())
