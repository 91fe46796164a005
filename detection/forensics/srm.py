"""Noise residual of the Spatial Rich Model (Fridrich and Kodovsky, 2012, https://doi.org/10.1109/TIFS.2012.2190402).

Thirty high-pass filters predict each pixel from its neighbours; what is left is noise, and noise that differs
between parts of one picture hints at an insertion. As in the recipe `D`, each filter is divided by its
largest coefficient and the responses are averaged; filtering is linear, so one averaged filter gives the same
result in a thirtieth of the time.
"""

from functools import cache

import numpy as np
from PIL import Image

LIMIT = 3.0
FLAT = 1e-3  # a smaller residual is rounding error, which must not be stretched into a pattern
DIRECTIONS = (
    (-1, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
    (1, 0),
    (1, -1),
    (0, -1),
    (-1, -1),
)  # (down, right), clockwise from up
SQUARE_3 = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
SQUARE_5 = ((-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2), (2, -6, 8, -6, 2), (-1, 2, -2, 2, -1))


@cache
def kernels() -> np.ndarray:
    """The filters, (30, 5, 5) float32, to be correlated: 8 of first order, 4 second, 8 third, then the 3x3 and the 5x5
    square, each followed by its upper, right, lower and left half."""
    lines = [_line(d, {0: -1, 1: 1}) for d in DIRECTIONS]
    lines += [_line(d, {-1: 1, 0: -2, 1: 1}) for d in DIRECTIONS[:4]]
    lines += [_line(d, {-1: 1, 0: -3, 1: 3, 2: -1}) for d in DIRECTIONS]
    for square in (np.pad(np.array(SQUARE_3), 1), np.array(SQUARE_5)):
        down, right = np.indices(square.shape) - 2
        lines += [
            np.where(kept, square, 0) for kept in (down < 9, down <= 0, right >= 0, down >= 0, right <= 0)
        ]
    filters = np.stack(lines).astype(np.float32)
    filters.flags.writeable = False
    return filters


def _line(direction: tuple[int, int], weights: dict[int, int]) -> np.ndarray:
    kernel = np.zeros((5, 5))
    for steps, weight in weights.items():
        kernel[2 + steps * direction[0], 2 + steps * direction[1]] = weight
    return kernel


@cache
def mean_kernel() -> np.ndarray:
    """Mean of the filters after dividing each by its largest absolute coefficient: (5, 5) float32."""
    each = kernels() / np.abs(kernels()).max((1, 2), keepdims=True)
    return np.asarray(each.mean(0), dtype=np.float32)


def srm(image: Image.Image) -> np.ndarray:
    """Averaged residual of each colour channel, (H, W, 3) float32, clipped to [-3, 3]; edges are mirrored.

    Raises ValueError for a picture smaller than 3 pixels.
    """
    if min(image.size) < 3:
        raise ValueError(f"a residual needs at least 3x3 pixels: found {image.width}x{image.height}")
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    residual = np.zeros_like(pixels)
    for (down, right), weight in np.ndenumerate(mean_kernel()):
        if weight:
            residual += weight * padded[down : down + height, right : right + width]
    return np.clip(residual, -LIMIT, LIMIT)


def rescale(residual: np.ndarray) -> np.ndarray:
    """A residual stretched from its smallest to its largest value: same shape, uint8 0 to 255; zero if it is flat."""
    low, high = float(residual.min()), float(residual.max())
    if high - low < FLAT:
        return np.zeros(residual.shape, dtype=np.uint8)
    return np.rint((residual - low) * (255 / (high - low))).astype(np.uint8)
