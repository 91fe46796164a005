import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from detection.decoding import decode
from tests.factories import phone_files as phone


def gradient(width: int, height: int) -> Image.Image:
    across = np.linspace(0, 255, width)[None, :, None] + np.linspace(-40, 40, height)[:, None, None]
    return Image.fromarray(np.broadcast_to(across.clip(0, 255), (height, width, 3)).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize("encoded", [phone.jpeg, png])
def test_a_picture_of_nearly_twice_the_size_is_halved(encoded: Callable[[Image.Image], bytes]) -> None:
    """As 4032 pixels are for 2048; of a JPEG, libjpeg does it."""
    picture = gradient(504, 378)
    found = decode(encoded(picture), max_side=256)
    assert found.size == (252, 189)
    halved = np.asarray(picture, np.float64).reshape(189, 2, 252, 2, 3).mean((1, 3))
    assert np.abs(np.asarray(found, np.float64) - halved).mean() < 1.5


@pytest.mark.parametrize("encoded", [phone.jpeg, png])
def test_a_picture_that_a_whole_number_would_make_too_small_is_filtered_to_the_size(
    encoded: Callable[[Image.Image], bytes],
) -> None:
    assert decode(encoded(gradient(400, 300)), max_side=256).size == (256, 192)


def test_a_third_is_taken_of_what_is_three_times_as_large() -> None:
    assert decode(png(gradient(600, 300)), max_side=200).size == (200, 100)
