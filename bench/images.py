"""The posted selfies: the shipped samples at the size stated in the results."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from detection.bundle import Bundle
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def jpegs(*, side: int = 600, count: int = 24, quality: int = 90) -> list[bytes]:
    """`count` different JPEGs of side x side pixels: real faces, mirrored and shifted for variety."""
    files = sorted(SAMPLES.rglob("*.jpg"))
    if not files:
        raise SystemExit(f"error: no sample selfies in {SAMPLES}")
    return [_jpeg(files[number % len(files)], number // len(files), side, quality) for number in range(count)]


def face_frames(images: Sequence[Image.Image], bundle: Bundle) -> list[FaceFrame | None]:
    """Where the face of each picture is, which a bundle that looks at faces needs; none are looked for otherwise."""
    if not bundle.sees_faces:
        return [None] * len(images)
    faces = [largest_face(image) for image in images]
    return [
        FaceFrame.of(face, image.size) if face else None for face, image in zip(faces, images, strict=True)
    ]


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
