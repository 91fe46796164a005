"""Masks of the forged pixels."""

import numpy as np
from PIL import Image

from ml.sources.base import Photo, SourceMissing

BLACK_IS_FORGED = frozenset({"ifs_tc"})


def mask_of(photo: Photo, size: tuple[int, int]) -> np.ndarray | None:
    """True where the photograph was forged: (height, width) bool for `size` (width, height).

    All False for a real photograph; None for a forgery whose mask is not known. Raises SourceMissing when the mask
    cannot be read.
    """
    width, height = size
    if photo.label == "real":
        return np.zeros((height, width), dtype=bool)
    if photo.mask is None:
        return None
    try:
        with Image.open(photo.mask) as image:
            grey = image.convert("L").resize(size, Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError) as error:
        raise SourceMissing(f"{photo.mask} cannot be read ({error}): expected a mask image") from error
    light = np.asarray(grey) > 127
    return ~light if photo.source in BLACK_IS_FORGED else light
