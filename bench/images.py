"""The posted selfies: the shipped samples at the size stated in the results."""

import io
from pathlib import Path

from PIL import Image, ImageOps

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def jpegs(*, side: int = 600, count: int = 24, quality: int = 90) -> list[bytes]:
    """`count` different JPEGs of side x side pixels: real faces, mirrored and shifted for variety."""
    files = sorted(SAMPLES.rglob("*.jpg"))
    if not files:
        raise SystemExit(f"error: no sample selfies in {SAMPLES}")
    return [_jpeg(files[number % len(files)], number // len(files), side, quality) for number in range(count)]


def _jpeg(file: Path, round_: int, side: int, quality: int) -> bytes:
    with Image.open(file) as opened:
        face = opened.convert("RGB")
    shift = 0.5 + 0.1 * (round_ % 5 - 2)
    face = ImageOps.fit(face, (side, side), centering=(shift, 1 - shift))
    if round_ % 2:
        face = ImageOps.mirror(face)
    buffer = io.BytesIO()
    face.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
