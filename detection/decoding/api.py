"""The only decoder of untrusted images: bytes in, facts or upright RGB out, under a memory and time bound.

Small pictures are decoded in this process, which their own size bounds; bigger ones in a child process with limits
on memory and time, so that no upload can take a web process or a worker down. Neither numpy nor torch is imported.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path, PurePath

from PIL import Image

from detection.decoding.containers import Container, corrupt, truncated, walk
from detection.decoding.facts import Decoded, Format, ImageFacts, ImageRefused
from detection.decoding.pixels import MAX_PIXELS, decode_rgb

MAX_BYTES = 15_000_000
MIN_SIDE = 32
MAX_ASPECT = 8
IN_PROCESS_PIXELS = 4_000_000
CHILD_WALL_S = 30
CHILDREN = 2
EXTENSIONS: dict[str, Format] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    ".webp": "WEBP",
}
CONTENT_TYPES: dict[str, Format] = {
    **dict.fromkeys(("image/jpeg", "image/jpg", "image/pjpeg"), "JPEG"),
    "image/png": "PNG",
    "image/webp": "WEBP",
}
UNDECLARED = {"", "application/octet-stream", "binary/octet-stream"}

_children = threading.BoundedSemaphore(CHILDREN)
_ROOT = Path(__file__).resolve().parents[2]


def inspect(data: bytes, *, filename: str | None = None, content_type: str | None = None) -> ImageFacts:
    """Check an upload completely: container, limits, declared type, and that every pixel decodes.

    Raises ImageRefused with an HTTP status of 400, 413, 415 or 422 (503 when too many large images are in work).
    """
    if not data:
        raise ImageRefused("empty_image", 400, "The image is empty. Send the file's bytes.")
    if len(data) > MAX_BYTES:
        raise ImageRefused("too_many_bytes", 413, f"The image may have at most {MAX_BYTES // 1_000_000} MB.")
    container = walk(data)
    _check_declared(container.format, filename, content_type)
    _check_size(container)
    _pixels(data, container, max_side=MIN_SIDE)
    return ImageFacts(
        format=container.format,
        width=container.width,
        height=container.height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def decode(data: bytes, *, max_side: int | None = None) -> Image.Image:
    """Upright 8-bit RGB, reduced so that no side exceeds `max_side`. Raises ImageRefused."""
    container = walk(data)
    _check_size(container)
    return _pixels(data, container, max_side)


def decode_with_facts(data: bytes, *, max_side: int | None = None) -> Decoded:
    """As `decode`, with the damage and the trailing data of the file. Raises ImageRefused."""
    return Decoded(decode(data, max_side=max_side), damage=None, trailing=())


def derivative(data: bytes, *, max_side: int = 1600, quality: int = 92) -> bytes:
    """A JPEG for the browser: re-encoded pixels, no metadata, no profile, no thumbnail. Raises ImageRefused."""
    buffer = io.BytesIO()
    decode(data, max_side=max_side).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _check_declared(found: Format, filename: str | None, content_type: str | None) -> None:
    extension = PurePath(filename or "").suffix.lower()
    if extension and EXTENSIONS.get(extension) != found:
        detail = f"The file is called *{extension} but holds {found}. Give it the right extension."
        raise ImageRefused("type_mismatch", 415, detail)
    declared = (content_type or "").partition(";")[0].strip().lower()
    if declared not in UNDECLARED and CONTENT_TYPES.get(declared) != found:
        detail = f"The part is declared as {declared} but holds {found}. Send the right Content-Type."
        raise ImageRefused("type_mismatch", 415, detail)


def _check_size(container: Container) -> None:
    width, height = container.width, container.height
    if width * height > MAX_PIXELS:
        detail = f"The image has {width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels are taken."
        raise ImageRefused("too_many_pixels", 413, detail)
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        detail = (
            f"The image has {width} x {height} pixels; each side needs at least {MIN_SIDE}, "
            f"and the longer at most {MAX_ASPECT} times the shorter."
        )
        raise ImageRefused("bad_dimensions", 422, detail)


def _pixels(data: bytes, container: Container, max_side: int | None) -> Image.Image:
    if container.width * container.height > IN_PROCESS_PIXELS:
        return _pixels_in_child(data, container, max_side)
    try:
        image = decode_rgb(data, container.format, max_side)
    except Exception as error:  # Pillow raises many kinds for hostile input; all mean the same to the sender
        raise _refusal(f"{type(error).__name__}: {error}") from error
    return image


def _pixels_in_child(data: bytes, container: Container, max_side: int | None) -> Image.Image:
    if not _children.acquire(timeout=CHILD_WALL_S):
        raise ImageRefused("busy", 503, "Too many large images are being decoded. Send it again in a minute.")
    program = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from detection.decoding.pixels import main; main()"
    )
    request = json.dumps({"format": container.format, "max_side": max_side}).encode()
    try:
        child = subprocess.run(  # noqa: S603  (our own program, no shell)
            [sys.executable, "-I", "-c", program],
            input=request + b"\n" + data,
            capture_output=True,
            timeout=CHILD_WALL_S,
            env={"PATH": os.defpath},
        )
    except subprocess.TimeoutExpired as error:
        raise ImageRefused(
            "too_costly", 422, "The image takes too long to decode. Export it anew."
        ) from error
    finally:
        _children.release()
    header, _, pixels = child.stdout.partition(b"\n")
    if child.returncode != 0 or not header:
        raise ImageRefused("too_costly", 422, "The image takes too much to decode. Export it anew.")
    answer = json.loads(header)
    if answer.get("error") == "memory":
        raise ImageRefused("too_many_pixels", 413, "The image takes too much memory. Send a smaller one.")
    if "error" in answer:
        raise _refusal(answer["error"])
    return Image.frombytes("RGB", tuple(answer["size"]), pixels)


def _refusal(error: str) -> ImageRefused:
    return truncated("missing pixels") if "truncated" in error else corrupt("it cannot be decoded")
