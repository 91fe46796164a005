import numpy as np

from ml.recipes.augment import VERSIONS, flips_and_colour, joint, version


def test_image_and_mask_change_together() -> None:
    side = 64
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[10:30, 20:50] = 255
    image = np.repeat(mask[..., None], 3, axis=2)
    moved = 0
    for seed in range(40):
        new, new_mask = joint(image, mask, np.random.default_rng(seed))
        assert new.shape == image.shape
        assert new_mask.shape == mask.shape
        assert ((new[..., 0] > 127) == (new_mask > 127)).mean() > 0.99
        moved += not np.array_equal(new_mask, mask)
    assert moved > 30


def test_the_seven_versions_change_picture_and_mask_together_and_differ() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[8:30, 20:50] = 255
    image = np.repeat(mask[..., None], 3, axis=2)
    seen = [version(image, mask, number, np.random.default_rng(3)) for number in range(VERSIONS)]
    for new, new_mask in seen:
        assert ((new[..., 0] > 127) == (new_mask > 127)).mean() > 0.99
    assert len({new_mask.tobytes() for _, new_mask in seen}) == VERSIONS
    assert np.array_equal(seen[0][1], mask)


def test_the_same_generator_gives_the_same_change() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    first, second = (flips_and_colour(image, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, image)
