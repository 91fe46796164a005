import numpy as np
import pytest

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from ml.synthesis.forge import SEAMS, Recipe, draw_recipe, self_blend, swap
from ml.synthesis.regions import REGIONS, mask_of


@pytest.fixture
def points() -> np.ndarray:
    """468 points of a made-up face: every region's points lie on a ring around the middle of a 120 px picture."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 468), rng.uniform(10, 35, 468)
    return np.stack([60 + radius * np.cos(angle), 60 + radius * np.sin(angle)], 1).astype(np.float32)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (120, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("region", sorted(REGIONS))
def test_swap_changes_the_region_and_nothing_far_from_it(points: np.ndarray, region: str, seam: str) -> None:
    target = picture(1)
    forged = swap(target, points, picture(2), points, Recipe(region, seam, softness=0.02, grow=1.0))
    changed = (forged.image != target).any(-1)
    assert changed.any()
    assert not changed[:8].any()
    assert not changed[-8:].any()
    assert forged.mask.shape == (120, 120)
    assert forged.image.dtype == np.uint8


def test_a_blended_forgery_keeps_the_mask_it_was_made_with(points: np.ndarray) -> None:
    recipe = Recipe("mouth", "poisson", grow=1.0)
    forged = swap(picture(1), points, picture(2), points, recipe)
    assert forged.kind == "swap/mouth/poisson"
    assert np.array_equal(forged.mask, mask_of("mouth", points, (120, 120), 1.0))


def test_hard_swap_without_colour_transfer_shows_the_donor_itself(points: np.ndarray) -> None:
    donor = picture(2)
    forged = swap(picture(1), points, donor, points, Recipe("face", "hard", grow=1.0, colour=0.0))
    assert np.abs(forged.image[60, 60].astype(int) - donor[60, 60]).max() <= 2


def test_self_blend_is_the_same_for_the_same_seed(points: np.ndarray) -> None:
    first, second = (
        self_blend(picture(1), points, Recipe("mouth"), np.random.default_rng(5)) for _ in range(2)
    )
    assert np.array_equal(first.image, second.image)
    assert first.kind == "self/mouth/feather"


def test_easy_recipes_are_hard_pastes() -> None:
    rng = np.random.default_rng(0)
    assert {draw_recipe(rng, 0.0).seam for _ in range(50)} == {"hard"}
    assert {draw_recipe(rng, 1.0).seam for _ in range(100)} == set(SEAMS)


def test_mask_grows_with_its_factor(points: np.ndarray) -> None:
    small, large = (mask_of("nose", points, (120, 120), grow) for grow in (1.0, 1.4))
    assert 0 < (small > 0).sum() < (large > 0).sum()


def test_unknown_region_names_the_known_ones(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="unknown region ear: choose one of"):
        mask_of("ear", points, (120, 120))


def test_poisson_leaves_the_region_as_mask(points: np.ndarray) -> None:
    target, donor = picture(1) // 4 + 90, picture(2) // 4 + 90
    forged = swap(target, points, donor, points, Recipe("nose", "poisson", grow=1.0))
    assert forged.kind == "swap/nose/poisson"
    assert np.array_equal(forged.mask, mask_of("nose", points, (120, 120), 1.0))
