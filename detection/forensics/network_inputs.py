"""Inputs of the auxiliary models, computed in the same way in training and serving."""

import io

import numpy as np
from PIL import Image

from detection.forensics.ela import ela
from detection.forensics.srm import LIMIT, rescale, srm

COMMON_QUALITY = 95


def ela_nearest(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: ELA at quality 90, then the nearest pixel, as Keras reads folders; levels stay levels."""
    return _resized(ela(image), side, Image.Resampling.NEAREST)


def dual(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 6) uint8: ELA at quality 90, and the averaged SRM residual rescaled to 0..255, each then resized.

    The residual is sampled as OpenCV does it, because averaging over neighbours takes noise away.
    """
    return np.concatenate(
        [
            _resized(ela(image), side, Image.Resampling.BICUBIC),
            sampled(rescale(srm(image)), side),
        ],
        axis=2,
    )


def ela_smooth(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: ELA at quality 90 and native size, then averaged down; for a mask network.

    The quality differs from the common compression's, because a picture saved twice at the same one hardly
    changes.
    """
    return _resized(ela(image), side, Image.Resampling.BILINEAR)


def colours(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the picture itself."""
    return _resized(np.asarray(image.convert("RGB")), side, Image.Resampling.BILINEAR)


def centre(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the picture's centre square, undistorted."""
    square = image.convert("RGB").crop(centre_box(image.size))
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))


def centre_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of the centre square of a picture of that width and height."""
    width, height = size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    return left, top, left + edge, top + edge


def colours_residual(image: Image.Image, side: int) -> np.ndarray:
    """(side, side, 6) uint8: the resized picture, and its averaged SRM residual, -3..3 as 0..255."""
    small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    residual = np.rint((srm(small) + LIMIT) * (255 / (2 * LIMIT))).astype(np.uint8)
    return np.concatenate([np.asarray(small), residual], axis=2)


def compressed(image: Image.Image, quality: int = COMMON_QUALITY) -> Image.Image:
    """The picture after one JPEG compression with 4:2:0 chroma, which every picture gets before a network's view of it,
    which reduces the influence of the file's own last compression."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(buffer).convert("RGB")


def sampled(array: np.ndarray, side: int) -> np.ndarray:
    """(side, side, C) uint8 from (H, W, C) uint8, bilinear between the four nearest pixels and no others.

    Equal to OpenCV's `resize` with INTER_LINEAR up to rounding; Pillow's averages over all pixels when it reduces.
    """
    values = array.astype(np.float32)
    for axis in (0, 1):
        count = array.shape[axis]
        place = np.clip((np.arange(side, dtype=np.float32) + 0.5) * count / side - 0.5, 0, count - 1)
        low = np.floor(place).astype(np.int64)
        share = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        near, far = (np.take(values, np.minimum(at, count - 1), axis) for at in (low, low + 1))
        values = near + share * (far - near)
    return np.rint(values).astype(np.uint8)


def _resized(array: np.ndarray, side: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(array).resize((side, side), how))
