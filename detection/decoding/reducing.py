"""Reducing a picture to a longest side, at little cost where the sizes allow it.

Half of a telephone's 4032 pixels is 2016. libjpeg halves while it decodes, almost for free, and means of whole blocks
are cheap for other formats, too. To filter such a picture down to 2048 instead took four fifths of its decoding time.
"""

import math

from PIL import Image

NEARLY = 0.9  # of the longest side that was asked for, which is kept at least


def size_nearly(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Width and height, of a picture of `size`, that a decoder which scales must not go below."""
    kept = NEARLY * max_side / max(size)
    return math.ceil(size[0] * kept), math.ceil(size[1] * kept)


def reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    """L, RGB, RGBA or CMYK with no side longer than `max_side`; the longer one is reduced to no less than NEARLY of it.

    By a whole number where that is enough; otherwise by Lanczos' filter, to `max_side`.
    """
    longest = max(image.size)
    if max_side is None or longest <= max_side:
        return image
    factor = math.ceil(longest / max_side)
    if longest / factor >= NEARLY * max_side:
        return image.reduce(factor)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image
