"""Error level analysis (Krawetz, 2007): shows what one more JPEG compression changes.

Parts that were compressed less often than the rest change more. This is meaningful only for a JPEG at its
original size; in PNG, WebP or resized pictures every part changes equally.
"""

import io

import numpy as np
from PIL import Image

QUALITY = 90


def ela(image: Image.Image, *, quality: int = QUALITY) -> np.ndarray:
    """Absolute difference from the re-saved picture, its maximum over all channels scaled to 255.

    Returns (H, W, 3) uint8; all zero where nothing changes. Raises ValueError for a quality outside 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"a JPEG quality lies between 1 and 100: found {quality}")
    before = image.convert("RGB")
    buffer = io.BytesIO()
    before.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    after = np.asarray(Image.open(buffer).convert("RGB"), dtype=np.int16)
    change = np.abs(np.asarray(before, dtype=np.int16) - after)
    return np.rint(change * np.float32(255 / max(1, int(change.max())))).astype(np.uint8)
