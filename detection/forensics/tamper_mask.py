"""The map of a segmentation model as a picture to lay over the photograph."""

import numpy as np
from PIL import Image

# A map with a lower peak says nothing: of 40 pictures each, 27 genuine portraits, 14 genuine and 2 edited faces of the
# Real and Fake Face Detection set have one.
FAINT_BELOW = 0.2
OPAQUE_AT = 0.5  # the probability from which on a place is as visible as any can be
OPAQUE = 225  # of 255: the face stays visible under the strongest place
PINK = (232, 30, 99)


def tamper_overlay(mask: np.ndarray, size: tuple[int, int]) -> tuple[Image.Image, dict[str, float | bool]]:
    """The map as a pink overlay (RGBA, no larger than `size`), and its facts: `peak`, and whether it `is_faint`.

    mask: (H, W) float32, the probability that a pixel was changed. Drawn by its probabilities alone, a map could not
    be seen below about 0.3; a faint one is transparent.
    """
    peak = float(np.clip(mask, 0, 1).max())
    is_faint = peak < FAINT_BELOW
    strength = np.zeros_like(mask) if is_faint else np.clip(mask / OPAQUE_AT, 0, 1)
    alpha = Image.fromarray(np.rint(strength * OPAQUE).astype(np.uint8))
    tinted = Image.new("RGBA", alpha.size, (*PINK, 0))
    tinted.putalpha(alpha)
    tinted.thumbnail(size)
    return tinted, {"peak": round(peak, 3), "is_faint": is_faint}
