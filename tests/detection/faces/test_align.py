"""The aligned crop: where the eyes lie in it, and that every decoding of a picture gives the same one."""

import math

import numpy as np
import pytest
from PIL import Image

from detection.faces.align import (
    CENTRE_BELOW_EYES,
    CROP_IN_EYE_DISTANCES,
    FaceFrame,
    Square,
    aligned_crop,
    sample,
)


def dotted(size: tuple[int, int], right: complex, left: complex, radius: float) -> Image.Image:
    """Grey, with a red disc at the right eye corner and a green one at the left."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    pixels = np.full((size[1], size[0], 3), 60, np.uint8)
    for corner, colour in ((right, (255, 0, 0)), (left, (0, 255, 0))):
        pixels[np.hypot(x - corner.real, y - corner.imag) < radius] = colour
    return Image.fromarray(pixels)


def middle(crop: np.ndarray, channel: int) -> complex:
    other = 1 - channel
    weight = np.clip(crop[..., channel].astype(float) - crop[..., other] - 40, 0, None)
    y, x = np.mgrid[0 : crop.shape[0], 0 : crop.shape[1]] + 0.5
    return complex((x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum())


@pytest.mark.parametrize("degrees", [0, 17, -40, 90, 180])
@pytest.mark.parametrize("distance", [30, 90, 400])
def test_the_eye_corners_lie_at_the_same_place_in_every_crop(degrees: float, distance: float) -> None:
    half = distance / 2 * np.exp(1j * math.radians(degrees))
    centre = complex(610, 450)
    right, left = centre - half, centre + half
    picture = dotted((1200, 900), right, left, distance / 8)
    frame = FaceFrame((right.real, right.imag), (left.real, left.imag), 1200, 900)
    side = 160
    crop = aligned_crop(picture, frame, side)
    assert crop.shape == (side, side, 3)
    assert crop.dtype == np.uint8
    step = side / CROP_IN_EYE_DISTANCES
    height = side / 2 - CENTRE_BELOW_EYES * step
    for channel, x in ((0, side / 2 - step / 2), (1, side / 2 + step / 2)):
        assert abs(middle(crop, channel) - complex(x, height)) < 0.6


def test_a_smaller_extent_shows_the_middle_at_the_same_scale() -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)).resize((600, 600))
    frame = FaceFrame((240, 290), (330, 300), 600, 600)
    whole = aligned_crop(picture, frame, 160)
    part = aligned_crop(picture, frame, 80, extent=0.5)
    assert np.abs(whole[40:120, 40:120].astype(int) - part).mean() < 4


def test_a_frame_fits_every_decoding_of_its_picture_and_no_other_picture() -> None:
    picture = dotted((1201, 900), 500 + 400j, 700 + 420j, 30)
    frame = FaceFrame((500, 400), (700, 420), 1201, 900)
    small = picture.resize((400, 300), Image.Resampling.BICUBIC)
    whole, reduced = aligned_crop(picture, frame, 64), aligned_crop(small, frame, 64)
    assert np.abs(whole.astype(int) - reduced).mean() < 3
    with pytest.raises(ValueError, match="belongs to a picture of 1201 x 900"):
        aligned_crop(picture.transpose(Image.Transpose.ROTATE_90), frame, 64)


def test_reducing_does_not_alias() -> None:
    y, x = np.mgrid[0:800, 0:800]
    board = ((x + y) % 2 * 255).astype(np.uint8)
    picture = Image.fromarray(board).convert("RGB")
    crop = aligned_crop(picture, FaceFrame((300, 390), (500, 410), 800, 800), 64)
    assert crop.std() < 4


def test_beyond_the_border_its_pixels_repeat() -> None:
    picture = Image.new("RGB", (200, 200), (10, 200, 30))
    crop = aligned_crop(picture, FaceFrame((5, 5), (65, 25), 200, 200), 96)
    assert (crop == (10, 200, 30)).all()


@pytest.mark.parametrize(
    ("right_eye", "left_eye", "size"),
    [
        ((1, 2), (1, 2), (9, 9)),
        ((1, math.nan), (4, 2), (9, 9)),
        ((1, 2), (5, 2), (0, 9)),
        ((1, 2), (99, 2), (9, 9)),
    ],
)
def test_what_is_no_frame_is_refused(
    right_eye: tuple[float, float], left_eye: tuple[float, float], size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError):
        FaceFrame(right_eye, left_eye, *size)


def test_a_square_gives_back_the_positions_that_it_placed_in_the_picture() -> None:
    square, inside = Square(120, 80, 64, 0.7), np.array([[0.0, 0.0], [0.2, 0.9], [1.0, 0.5]])
    placed = square.to_picture(inside)
    assert np.abs(placed - inside).max() > 20
    np.testing.assert_allclose(square.from_picture(placed), inside, atol=1e-12)


@pytest.mark.parametrize("degrees", [1, -33, 170])
@pytest.mark.parametrize("edge", [60.0, 150.0, 290.0])
@pytest.mark.parametrize("middle_x", [10.0, 200.0, 395.0])
def test_the_needed_part_has_the_same_pixels_as_in_the_whole_sample(
    degrees: float, edge: float, middle_x: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    picture, square = Image.fromarray(noise), Square(middle_x, 140.0, edge, math.radians(degrees))
    left, top, right, bottom = needed = (20, 5, 60, 70)
    whole, part = sample(picture, square, 100), sample(picture, square, 100, needed=needed)
    apart = part[top:bottom, left:right].astype(int) - whole[top:bottom, left:right]
    # The weights of the reduction are rounded differently.
    assert abs(apart).max() <= 1
    assert not part[bottom:].any()
    assert not part[:, right:].any()
