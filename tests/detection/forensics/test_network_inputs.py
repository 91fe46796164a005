from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from detection.forensics import network_inputs
from detection.forensics.srm import LIMIT, srm


def photograph() -> Image.Image:
    pixels = np.random.default_rng(0).normal(120, 25, (90, 120, 3)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("view", "channels"),
    [
        (network_inputs.ela_nearest, 3),
        (network_inputs.ela_smooth, 3),
        (network_inputs.colours, 3),
        (network_inputs.dual, 6),
        (network_inputs.colours_residual, 6),
    ],
)
def test_views_are_square_bytes(view: Callable[[Image.Image, int], np.ndarray], channels: int) -> None:
    seen = view(photograph(), 32)
    assert seen.shape == (32, 32, channels)
    assert seen.dtype == np.uint8


def test_error_levels_still_speak_after_the_common_compression() -> None:
    assert network_inputs.ela_smooth(network_inputs.compressed(photograph()), 32).std() > 3


def test_the_residual_of_a_view_is_that_of_the_resized_picture() -> None:
    small = photograph().resize((32, 32), Image.Resampling.BILINEAR)
    seen = (
        network_inputs.colours_residual(photograph(), 32)[..., 3:].astype(float) * (2 * LIMIT / 255) - LIMIT
    )
    assert np.abs(seen - srm(small)).max() <= LIMIT / 255 + 1e-6
