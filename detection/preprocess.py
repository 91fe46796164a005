"""From 8-bit crops to a member's input. Training and serving share these functions, so they cannot diverge."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from detection.bundle import View
from detection.faces.align import FaceFrame
from detection.views import cuts


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


def batch(images: Sequence[Image.Image], view: View, frames: Sequence[FaceFrame | None] = ()) -> Tensor:
    """RGB images of any size to (B, 3, side, side) float32; see `batches`."""
    return batches(images, [view], frames)[view]


def batches(
    images: Sequence[Image.Image], views: Sequence[View], frames: Sequence[FaceFrame | None] = ()
) -> dict[View, Tensor]:
    """`batch` of every view. Raises as `cuts` does."""
    cut = cuts(images, views, frames)
    return {view: standardise(torch.from_numpy(pixels)) for view, pixels in cut.items()}
