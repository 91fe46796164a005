"""Noise: the SRM residual of a whole picture as grey levels."""

import numpy as np
from PIL import Image

from detection.forensics.srm import LIMIT, srm

SRM_ROWS = 256


def draw(picture: Image.Image) -> Image.Image:
    """The averaged residual, -LIMIT..LIMIT as 0..255, in the size of the picture.

    Computed in strips, so that a large picture needs no large arrays; two extra rows make each strip exact.
    """
    grey = Image.new("L", picture.size)
    for top in range(0, picture.height, SRM_ROWS):
        first, last = max(0, top - 2), min(picture.height, top + SRM_ROWS + 2)
        if last - first < 3:
            first = max(0, last - 3)
        residual = srm(picture.crop((0, first, picture.width, last))).mean(2)
        strip = np.rint((residual + LIMIT) * (255 / (2 * LIMIT))).astype(np.uint8)
        rows = strip[top - first : top - first + SRM_ROWS]
        grey.paste(Image.fromarray(rows), (0, top))
    return grey
