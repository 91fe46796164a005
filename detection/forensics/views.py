"""What the second-opinion networks look at, made the same way when they learn and when they serve."""

import numpy as np
from PIL import Image

from detection.forensics.ela import ela
from detection.forensics.srm import rescale, srm


def ela_nearest(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: ELA at quality 90, then the nearest pixel, as Keras reads folders; levels stay levels."""
    return _resized(ela(image), side, Image.Resampling.NEAREST)


def dual(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 6) uint8: ELA at quality 90, and the averaged SRM residual rescaled to 0..255, each then resized."""
    return np.concatenate(
        [
            _resized(ela(image), side, Image.Resampling.BICUBIC),
            _resized(rescale(srm(image)), side, Image.Resampling.BILINEAR),
        ],
        axis=2,
    )


def ela_smooth(image: Image.Image, side: int, quality: int = 95) -> np.ndarray:
    """(side, side, 3) uint8: ELA at native size, then averaged down; for a mask network."""
    return _resized(ela(image, quality=quality), side, Image.Resampling.BILINEAR)


def colours(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the picture itself."""
    return _resized(np.asarray(image.convert("RGB")), side, Image.Resampling.BILINEAR)


def _resized(array: np.ndarray, side: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(array).resize((side, side), how))
