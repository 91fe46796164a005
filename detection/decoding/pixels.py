"""Decoding with Pillow: a walked container becomes upright RGB. Run in-process when small, else in a child."""

import io
import json
import resource
import sys
import warnings

from PIL import Image, ImageFile

MAX_PIXELS = 50_000_000
MEMORY_BYTES = 1_500_000_000
CPU_S = 20

# Pillow only warns up to twice its limit; a warning becomes an error here.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
ImageFile.LOAD_TRUNCATED_IMAGES = False
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def decode_rgb(data: bytes, image_format: str, max_side: int | None) -> Image.Image:
    """Upright 8-bit RGB, no side longer than `max_side`. Raises whatever Pillow raises.

    Transparent parts are laid on white; 16-bit greyscale keeps its high byte; CMYK is converted without profile.
    """
    with Image.open(io.BytesIO(data), formats=[image_format]) as image:
        if max_side is not None:
            image.draft(
                None, (max_side, max_side)
            )  # a JPEG scaled while decoding never becomes smaller than asked
        image.load()
        orientation = orientation_of(image)
        rgb = _rgb(image)
    if max_side is not None and max(rgb.size) > max_side:
        rgb.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    rgb.info = {}  # comments, profiles and thumbnails would travel into whatever is saved from it
    transpose = UPRIGHT.get(orientation)
    return rgb if transpose is None else rgb.transpose(transpose)


UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

BACK = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Undo the turn of `decode_rgb`: the grid of a JPEG's blocks starts at the stored picture's corner."""
    turn = UPRIGHT.get(orientation)
    return upright if turn is None else upright.transpose(BACK.get(turn, turn))


def orientation_of(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # unreadable metadata must not cost the picture; it is shown as stored
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return image.point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def main() -> None:
    """The child's program: a JSON line and the image's bytes on stdin, a JSON line and raw RGB on stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # writes no file
    header, _, data = sys.stdin.buffer.read().partition(b"\n")
    request = json.loads(header)
    answer: dict[str, object]
    try:
        rgb = decode_rgb(data, request["format"], request["max_side"])
        answer, pixels = {"size": rgb.size}, rgb.tobytes()
    except MemoryError:
        answer, pixels = {"error": "memory"}, b""
    except Exception as error:
        answer, pixels = {"error": f"{type(error).__name__}: {error}"[:200]}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)
