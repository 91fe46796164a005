import io

import numpy as np
import pytest
from PIL import Image

from detection.forensics.jpeg_ghosts import BLOCKS_MAX, OWN_QUALITY_MIN, differences, drawn, ghosts
from tests.factories.photographs import photograph, saved

INSIDE = np.s_[8:16, 10:20]  # blocks well within the pasted part


def again(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(saved(picture, quality))).convert("RGB")


def composite(before: int, after: int) -> Image.Image:
    """A photograph with a part that was saved at `before`, all of it saved at `after`."""
    picture = photograph().resize((320, 320))
    box = (64, 48, 176, 144)
    picture.paste(again(picture, before).crop(box), box[:2])
    return again(picture, after)


def test_the_difference_of_a_compression_is_that_of_its_pixels() -> None:
    """By Parseval: as saving the luminance with libjpeg, up to its rounding to whole grey levels."""
    grey = photograph().convert("L").resize((96, 64))
    after = np.asarray(again(grey, 60).convert("L"), np.float32)
    squares = (np.asarray(grey, np.float32) - after) ** 2
    expected = squares.reshape(8, 8, 12, 8).mean((1, 3))
    tiles = np.asarray(grey).reshape(8, 8, 12, 8).swapaxes(1, 2)
    assert differences(tiles, [60])[0] == pytest.approx(expected, rel=0.1, abs=0.5)


@pytest.mark.parametrize(("before", "after"), [(60, 92), (70, 95), (55, 85)])
def test_a_pasted_part_shows_the_quality_of_its_own_file(before: int, after: int) -> None:
    found = ghosts(composite(before, after), own_quality=after)
    clear = found.depth[INSIDE] > 0.5
    assert clear.mean() > 0.3, "flat blocks say nothing"
    assert abs(np.median(found.quality[INSIDE][clear]) - before) <= 1
    assert np.median(found.depth[22:]) < 0.2
    assert not found.is_faint


def test_a_picture_that_was_saved_once_has_no_clear_ghost() -> None:
    assert ghosts(again(photograph().resize((320, 320)), 92), own_quality=92).is_faint


@pytest.mark.parametrize("size", [(7, 7), (16, 400), (64, 64)])
def test_small_and_strongly_compressed_pictures_have_none(size: tuple[int, int]) -> None:
    assert ghosts(again(photograph().resize(size), 45), own_quality=45).is_faint
    assert ghosts(Image.new("L", size, 90), own_quality=OWN_QUALITY_MIN).is_faint


def test_of_a_large_picture_a_bounded_number_of_blocks_is_read() -> None:
    found = ghosts(photograph().resize((2400, 1800)), own_quality=None)
    assert found.depth.size <= BLOCKS_MAX
    assert found.block_px == 8 * 2


def test_the_picture_lies_over_its_blocks() -> None:
    found = ghosts(composite(60, 92), own_quality=92)
    shown = np.asarray(drawn(found, (324, 320), (648, 640)))  # four columns of pixels are no whole block
    assert shown.shape == (640, 648, 3)
    assert shown[160:240, 180:300].max(2).mean() > 3 * shown[360:, :640].max(2).mean()
    assert not shown[:, 640:].any()
