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


@pytest.mark.parametrize(("height", "width", "side"), [(90, 120, 32), (33, 47, 64), (16, 16, 16)])
def test_a_residual_is_resized_as_opencv_does(height: int, width: int, side: int) -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    theirs = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(network_inputs.sampled(image, side).astype(int) - theirs).max() <= 1


def test_sampling_keeps_noise_that_averaging_takes_away() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    averaged = np.asarray(Image.fromarray(noise).resize((64, 64), Image.Resampling.BILINEAR))
    assert network_inputs.sampled(noise, 64).std() > 2.5 * averaged.std()


def test_error_levels_still_speak_after_the_common_compression() -> None:
    assert network_inputs.ela_smooth(network_inputs.compressed(photograph()), 32).std() > 3


def test_the_residual_of_a_view_is_that_of_the_resized_picture() -> None:
    small = photograph().resize((32, 32), Image.Resampling.BILINEAR)
    seen = (
        network_inputs.colours_residual(photograph(), 32)[..., 3:].astype(float) * (2 * LIMIT / 255) - LIMIT
    )
    assert np.abs(seen - srm(small)).max() <= LIMIT / 255 + 1e-6
