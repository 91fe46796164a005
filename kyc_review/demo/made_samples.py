"""Three more pictures for the demo, made from the portraits: two that checks send back, and a phone's file."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

QUALITY = 92
ORIENTATION = 0x0112
ROTATED = 6  # stored on its side, to be turned by a quarter: as phones do


def made_samples(portraits: list[Path], folder: Path) -> list[Path]:
    """Write the pictures into the folder, numbered after the portraits."""
    first, second = (_read(portraits[0]), _read(portraits[2]))
    makers = {"no-face": lambda: _no_face(first), "two-faces": lambda: _two_faces(first, second)}
    makers["phone-file"] = lambda: _phone_file(second)
    made = []
    for number, (name, make) in enumerate(makers.items(), start=len(portraits) + 1):
        file = folder / f"sample-{number:02d}-{name}.jpg"
        file.write_bytes(make())
        made.append(file)
    return made


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB")


def _no_face(portrait: Image.Image) -> bytes:
    """Collar and jacket, without the head."""
    width, height = portrait.size
    return _jpeg(portrait.crop((0, round(height * 0.75), width, height)).resize((width * 2, height // 2)))


def _two_faces(left: Image.Image, right: Image.Image) -> bytes:
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return _jpeg(both)


def _phone_file(portrait: Image.Image) -> bytes:
    """Two pictures in one file (MPF), the first stored on its side with EXIF that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = ROTATED
    buffer = io.BytesIO()
    stored = portrait.transpose(Image.Transpose.ROTATE_90)
    small = portrait.resize((portrait.width // 4, portrait.height // 4))
    stored.save(buffer, "MPO", quality=QUALITY, exif=exif, save_all=True, append_images=[small])
    return buffer.getvalue()


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
