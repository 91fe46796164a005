import io

import numpy as np
import pytest
from PIL import Image, ImageChops

from detection.forensics.ela import ela


def noise(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).normal(128, 30, (height, width, 3)).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_it_is_the_scaled_difference_from_the_picture_saved_again() -> None:
    image = noise()
    difference = ImageChops.difference(image, saved(image, 90))
    largest = np.asarray(difference).max()
    expected = np.asarray(difference) * (255 / largest)
    found = ela(image)
    assert found.shape == (64, 96, 3)
    assert found.dtype == np.uint8
    assert found.max() == 255
    assert np.abs(found - expected).max() <= 0.5


def test_a_part_that_was_never_compressed_stands_out() -> None:
    image = saved(noise(), 90)
    image.paste(noise(32, 32, seed=1), (32, 16))
    levels = ela(image, quality=90).astype(float).mean(2)
    inside = levels[16:48, 32:64].mean()
    levels[8:56, 24:72] = np.nan
    assert inside > 2 * np.nanmean(levels)


def test_a_picture_that_does_not_change_gives_zero() -> None:
    assert ela(Image.new("L", (32, 32), 128)).max() == 0


def test_a_quality_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and 100: found 0"):
        ela(noise(), quality=0)
