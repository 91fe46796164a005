"""The only decoder of untrusted images: bytes in, facts or upright sRGB out, under a memory and time bound.

This process reads headers and marks; every pixel is decoded in a process of its own (`pool.py`), so that no upload can
take a web process or a worker down. Neither numpy nor torch is imported.
"""

import hashlib
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from detection.decoding import jpeg, limits, png, webp
from detection.decoding.declared import contradiction
from detection.decoding.facts import (
    Container,
    Damage,
    Decoded,
    Findings,
    ImageFacts,
    ImageRefused,
    corrupt,
    truncated,
)
from detection.decoding.orientation import orientation_from
from detection.decoding.pool import Queueing, pool
from detection.decoding.recognise import format_of, walk
from detection.decoding.trailing import joined

MIN_SIDE = 32
MAX_ASPECT = 8
PARSERS: dict[str | None, Callable[[bytes], jpeg.Layout | png.Layout | webp.Layout]] = {
    "JPEG": jpeg.parse,
    "PNG": png.parse,
    "WEBP": webp.parse,
}
VIEWERS_MAX, WORKERS_MAX = 2, 1000  # who may wait in addition to the uploads


def inspect(
    data: bytes,
    *,
    filename: str | None = None,
    content_type: str | None = None,
    before_waiting: Callable[[], None] = lambda: None,
) -> ImageFacts:
    """Check an upload completely: container, limits, and that its pixels decode.

    `before_waiting` is called if no decoder is free at once. A damaged picture of which something can be seen is
    accepted, and the damage told. Raises ImageRefused with an HTTP status of 400, 413, 415 or 422, or 503 when too many
    images are in work.
    """
    if not data:
        raise ImageRefused("empty_image", 400, "The image is empty. Send the file's bytes.")
    allowed = limits.current()
    if len(data) > allowed.max_bytes:
        detail = f"The image has {len(data):,} bytes; at most {allowed.max_bytes / 1e6:g} MB are accepted."
        raise ImageRefused("too_many_bytes", 413, detail)
    container = walk(data)
    _check_size(container, allowed.max_pixels)
    answer, _ = _ask(
        "check",
        data,
        container,
        max_side=MIN_SIDE,
        queue=Queueing(allowed.wait_s, allowed.waiting, before_waiting),
    )
    found = Findings.from_json(answer)
    return ImageFacts(
        format=container.format,
        width=container.width,
        height=container.height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        trailing=joined((*container.trailing, *found.trailing)),
        damage=container.damage or found.damage,
        declared=contradiction(container.format, filename, content_type),
    )


def has_room(data: bytes) -> bool:
    """Whether `inspect` could begin or wait now, by a look at the picture's headers alone."""
    allowed = limits.current()
    try:
        container = walk(data)
    except ImageRefused:
        return True  # `inspect` refuses it for that without a decoder
    return pool(allowed).has_room(work=container.work, length=allowed.waiting)


def decode(data: bytes, *, max_side: int | None = None) -> Image.Image:
    """Upright 8-bit sRGB, reduced so that no side exceeds `max_side`. Raises ImageRefused."""
    return decode_with_facts(data, max_side=max_side).image


def decode_with_facts(data: bytes, *, max_side: int | None = None) -> Decoded:
    """As `decode`, with the damage and the trailing data of the file. Raises ImageRefused."""
    return _decoded(data, max_side, Queueing(limits.current().patience_s, WORKERS_MAX))


def derivative(data: bytes, *, max_side: int = 1600, quality: int = 92) -> bytes:
    """A JPEG for the browser: re-encoded pixels, no metadata, no profile, no thumbnail. Raises ImageRefused."""
    allowed, buffer = limits.current(), io.BytesIO()
    queue = Queueing(allowed.view_wait_s, allowed.waiting + VIEWERS_MAX)
    _decoded(data, max_side, queue).image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def orientation_of(data: bytes) -> int:
    """The EXIF orientation, 1 to 8, that `decode` applies; HEIC and AVIF are turned by their decoders.

    Raises ImageRefused.
    """
    parse = PARSERS.get(format_of(data))
    if parse is None:
        return 1
    layout = parse(data)
    return orientation_from(layout.exif, layout.xmp)


def jpeg_grid(data: bytes) -> tuple[tuple[int, ...], int, tuple[int, int]] | None:
    """Of a JPEG: its luminance table (64 values in rows), its EXIF orientation, and its stored width and height.

    None for another format, and where the table is missing. Raises ImageRefused.
    """
    if format_of(data) != "JPEG":
        return None
    layout = jpeg.parse(data)
    if not all(layout.luminance or (0,)):
        return None
    return layout.luminance, orientation_from(layout.exif, layout.xmp), (layout.width, layout.height)


def _decoded(data: bytes, max_side: int | None, queue: Queueing) -> Decoded:
    container = walk(data)
    _check_size(container, limits.MAX_PIXELS_EVER)
    answer, pixels = _ask("decode", data, container, max_side=max_side, queue=queue)
    image = Image.frombytes("RGB", tuple(answer["size"]), pixels)
    found = Findings.from_json(answer)
    return Decoded(
        image,
        damage=container.damage or found.damage,
        trailing=joined((*container.trailing, *found.trailing)),
    )


def _check_size(container: Container, max_pixels: int) -> None:
    width, height = container.width, container.height
    if width * height > max_pixels:
        detail = (
            f"The image has {width} x {height} pixels; at most {max_pixels / 1e6:g} megapixels are accepted."
        )
        raise ImageRefused("too_many_pixels", 413, detail)
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        detail = (
            f"The image has {width} x {height} pixels; each side needs at least {MIN_SIDE}, "
            f"and the longer at most {MAX_ASPECT} times the shorter."
        )
        raise ImageRefused("bad_dimensions", 422, detail)


def _ask(
    task: str, data: bytes, container: Container, *, max_side: int | None, queue: Queueing
) -> tuple[dict[str, Any], bytearray]:
    head = {"task": task, "format": container.format, "max_side": max_side}
    picture = memoryview(data)[: container.end]
    decoders = pool(limits.current())
    answer, pixels = decoders.ask(head, picture, work=container.work, queue=queue)
    if "refused" in answer:
        raise ImageRefused(*answer["refused"])
    if answer.get("error") == "memory":
        raise ImageRefused(
            "too_costly", 422, "The image takes too much memory to decode. Send a smaller one."
        )
    if "error" in answer:
        is_cut = container.damage == Damage.ENDS_EARLY or "truncated" in answer["error"]
        raise truncated("its pixels are missing") if is_cut else corrupt("it cannot be decoded")
    return answer, pixels
