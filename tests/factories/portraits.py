"""Pictures with a real face: the public-domain portraits of samples/, no two files with the same bytes."""

import io
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[2] / "samples"
GENUINE = sorted(SAMPLES.glob("*-genuine.jpg"))


def portrait(number: int = 0) -> Image.Image:
    """One of the genuine samples, upright RGB."""
    with Image.open(GENUINE[number % len(GENUINE)]) as file:
        return file.convert("RGB")


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def portrait_bytes(number: int = 0) -> bytes:
    """A JPEG that passes every check; another number gives other bytes."""
    image = portrait(number)
    image.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    return jpeg(image)


def two_faces() -> Image.Image:
    """Two people side by side."""
    left, right = portrait(0), portrait(1)
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both
