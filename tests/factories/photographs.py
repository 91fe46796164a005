"""What a camera could have taken, and files of it."""

import io

import numpy as np
from PIL import Image, ImageFilter


def photograph(seed: int = 0) -> Image.Image:
    """Smooth structure with grain, as a camera gives it: 320 x 320."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).resize(
        (320, 320), Image.Resampling.BICUBIC
    )
    grain = Image.fromarray(rng.integers(90, 166, (320, 320, 3), dtype=np.uint8)).filter(
        ImageFilter.GaussianBlur(0.8)
    )
    return Image.blend(coarse, grain, 0.4)


def saved(image: Image.Image, quality: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()
