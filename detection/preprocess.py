"""From RGB to a member's input. Training and serving share these functions, so they cannot diverge."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from detection.bundle import View


def crop(image: Image.Image, view: View) -> np.ndarray:
    """The part of `image` that `view` shows: (side, side, 3) uint8 RGB.

    Bilinear with the filter's support widened by the scale (Pillow's default), to avoid aliasing.
    """
    width, height = image.size
    edge = min(width, height) * view.extent
    left, top = (width - edge) / 2, (height - edge) / 2
    small = image.resize(
        (view.side, view.side), Image.Resampling.BILINEAR, box=(left, top, left + edge, top + edge)
    )
    return np.asarray(small)


def standardise(pixels: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32, channels last, mean 0 and deviation 1 per sample."""
    return per_sample(pixels.float()).permute(0, 3, 1, 2)


def per_sample(x: Tensor) -> Tensor:
    """(B, ...) float in 0..255 to mean 0 and deviation 1 per sample.

    Samplewise standardisation as in approach 3 of Bikoulis (2022); a flat image gives zeros, not NaN.
    """
    flat = x.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    # The same result as Tensor.std, in less time.
    variance = flat.square().sum(1, keepdim=True) / (flat.shape[1] - 1)
    return (flat / variance.clamp(min=1.0).sqrt()).view(x.shape)


def batch(images: Sequence[Image.Image], view: View) -> Tensor:
    """RGB images of any size to (B, 3, side, side) float32."""
    return batches(images, [view])[view]


def batches(images: Sequence[Image.Image], views: Sequence[View]) -> dict[View, Tensor]:
    """`batch` of every view. Views of one scale are cut from the widest of them, which is resized once."""
    cut: dict[View, np.ndarray] = {}
    for view in sorted(set(views), key=lambda v: -v.side):
        wide = next((v for v in cut if _holds(v, view)), None)
        if wide is None:
            cut[view] = np.stack([crop(image, view) for image in images])
        else:
            edge = (wide.side - view.side) // 2
            cut[view] = cut[wide][:, edge : edge + view.side, edge : edge + view.side]
    return {view: standardise(torch.from_numpy(pixels)) for view, pixels in cut.items()}


def _holds(wide: View, narrow: View) -> bool:
    """Whether the narrow view is the middle of the wide one, pixel by pixel."""
    return (wide.side - narrow.side) % 2 == 0 and math.isclose(
        wide.side / wide.extent, narrow.side / narrow.extent
    )
