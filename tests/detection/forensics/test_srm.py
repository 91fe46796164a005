from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate

from detection.forensics.srm import kernels, rescale, srm


def photograph(height: int = 40, width: int = 56) -> Image.Image:
    smooth = np.add.outer(np.arange(height), np.arange(width))[..., None] * [1.0, 1.5, 2.0]
    rough = np.random.default_rng(0).normal(0, 4, smooth.shape)
    return Image.fromarray((smooth + rough).clip(0, 255).astype(np.uint8))


def test_no_filter_answers_to_a_flat_picture() -> None:
    assert np.abs(kernels().sum((1, 2))).max() == 0
    assert len(np.unique(kernels().reshape(30, -1), axis=0)) == 30


def test_filters_are_those_of_the_development_data() -> None:
    path = Path("../shared/data/srm_kernels.npy")
    if not path.is_file():
        pytest.skip("no development data next to the checkout")
    assert np.array_equal(kernels(), np.load(path)[:, 0])


def test_residual_is_the_clipped_mean_of_thirty_normalised_filters() -> None:
    image = photograph()
    pixels = np.asarray(image, dtype=np.float64)
    responses = [
        np.stack([correlate(pixels[..., c], k / np.abs(k).max(), mode="mirror") for c in range(3)], axis=-1)
        for k in kernels().astype(np.float64)
    ]
    found = srm(image)
    assert found.shape == (40, 56, 3)
    assert found.dtype == np.float32
    assert np.abs(found - np.clip(np.mean(responses, 0), -3, 3)).max() < 1e-4


def test_rescaling_uses_the_whole_range() -> None:
    grey = rescale(srm(photograph()))
    assert (grey.min(), grey.max(), grey.dtype) == (0, 255, np.uint8)
    assert rescale(srm(Image.new("RGB", (8, 8), "navy"))).max() == 0


def test_a_picture_of_two_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3x3 pixels: found 2x9"):
        srm(Image.new("RGB", (2, 9)))
