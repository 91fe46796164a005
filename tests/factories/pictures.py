"""Small pictures without a face, for tests that never look at them."""

import io

from PIL import Image


def jpeg_bytes(width: int = 200, height: int = 240, seed: int = 0) -> bytes:
    """A small JPEG with structure; another seed gives other bytes."""
    image = Image.linear_gradient("L").resize((width, height)).rotate(seed * 7 % 360).convert("RGB")
    image.putpixel((0, 0), (seed % 256, seed // 256 % 256, 0))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
