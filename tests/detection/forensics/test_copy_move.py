import io
import time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from detection.forensics.copy_move import copies, overlay
from tests.factories.photographs import saved


def textured(width: int = 320, height: int = 240, seed: int = 5) -> Image.Image:
    """Noise of several sizes, so that no two places are equal."""
    noise = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for radius in (2, 6):
        grain = Image.fromarray(noise.integers(0, 256, (height, width), dtype=np.uint8))
        soft = np.asarray(grain.filter(ImageFilter.GaussianBlur(radius)), np.float32)
        picture += (soft - soft.mean()) / soft.std() * 28
    return Image.fromarray(np.clip(picture + 128, 0, 255).astype(np.uint8)).convert("RGB")


def forged() -> Image.Image:
    picture = textured()
    picture.paste(picture.crop((30, 40, 110, 100)), (200, 150))
    return picture


@pytest.mark.parametrize("quality", [95, 80])
def test_a_copied_part_and_its_source_are_marked_after_compression(quality: int) -> None:
    found = copies(Image.open(io.BytesIO(saved(forged(), quality))))
    assert found.pairs > 500
    both = found.mask[45:95, 35:105].mean(), found.mask[155:205, 205:275].mean()
    assert min(both) > 0.8
    others = found.mask.copy()
    others[25:115, 15:125] = others[135:225, 185:295] = False
    assert others.mean() < 0.01


def test_nothing_is_marked_where_nothing_was_copied() -> None:
    assert copies(textured()).is_faint


def test_walls_straight_edges_and_stripes_of_one_direction_are_no_copies() -> None:
    wall = Image.new("RGB", (320, 240), "white")
    wall.paste((40, 60, 90), (100, 0, 320, 240))
    assert copies(wall).is_faint
    stripes = np.tile(np.sin(np.arange(320) / 3) * 80 + 128, (240, 1)).astype(np.uint8)
    assert copies(Image.fromarray(stripes)).is_faint


@pytest.mark.parametrize("size", [(1, 1), (20, 400), (43, 43)])
def test_pictures_too_small_for_two_blocks_apart_have_none(size: tuple[int, int]) -> None:
    assert copies(Image.new("RGB", size)).is_faint


def test_a_picture_that_is_alike_everywhere_costs_bounded_time() -> None:
    tile = np.asarray(textured(32, 32).convert("L"))
    started = time.process_time()
    found = copies(Image.fromarray(np.tile(tile, (100, 125))))
    assert time.process_time() - started < 5
    assert found.pairs > 1000


def test_the_overlay_is_transparent_where_nothing_is_marked() -> None:
    found = copies(forged())
    shown = np.asarray(overlay(found, (160, 160)))
    assert shown.shape == (120, 160, 4)
    assert shown[30, 30, 3] > 100
    assert not shown[:10, :, 3].any()
