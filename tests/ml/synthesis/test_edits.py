import statistics

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from detection.faces.mesh import LEFT_BROW, LEFT_EYE, MOUTH, OVAL, RIGHT_BROW, RIGHT_EYE
from ml.synthesis.degradation import KINDS, degrade
from ml.synthesis.edits import copy_move, retouch, splice, warp
from ml.synthesis.forge import Forgery, Recipe
from ml.synthesis.forged_rows import edit_strength


@pytest.fixture
def points() -> np.ndarray:
    """468 points of a made-up face in a 120 px picture: an oval, and small eyes and a mouth inside it."""
    rng = np.random.default_rng(0)
    where = np.stack([60 + rng.uniform(-25, 25, 468), 60 + rng.uniform(-25, 25, 468)], 1)
    for part, centre in (
        (RIGHT_EYE + RIGHT_BROW, (45, 48)),
        (LEFT_EYE + LEFT_BROW, (75, 48)),
        (MOUTH, (60, 80)),
    ):
        where[list(part)] = np.array(centre) + rng.uniform(-6, 6, (len(part), 2))
    angle = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    where[list(OVAL)] = 60 + 40 * np.stack([np.sin(angle), -np.cos(angle)], 1)
    return where.astype(np.float32)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (120, 120, 3), dtype=np.uint8)


def edits(points: np.ndarray, seed: int) -> list[Forgery]:
    recipe = Recipe("eyes", "feather")
    rng = np.random.default_rng(seed)
    return [
        warp(picture(1), points, 0.0, rng),
        retouch(picture(1), points, 0.0, rng),
        copy_move(picture(1), points, recipe, rng),
        splice(picture(1), points, picture(2), points, recipe, rng),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_an_edit_changes_the_picture_inside_its_mask_and_says_what_it_did(
    points: np.ndarray, seed: int
) -> None:
    original = picture(1)
    for forged, way in zip(edits(points, seed), ("warp", "retouch", "copymove", "splice"), strict=True):
        assert forged.kind.split("/")[0] == way
        assert edit_strength(forged, original) > 1
        change = np.abs(forged.image.astype(int) - original).mean(-1)
        assert change[forged.mask > 127].mean() > 3 * change[forged.mask == 0].mean()


def test_an_edit_is_the_same_for_the_same_seed(points: np.ndarray) -> None:
    for first, second in zip(edits(points, 3), edits(points, 3), strict=True):
        assert np.array_equal(first.image, second.image)


def test_plain_warps_reach_further_than_careful_ones(points: np.ndarray) -> None:
    def strength(difficulty: float) -> float:
        made = [warp(picture(1) // 8 + 100, points, difficulty, np.random.default_rng(s)) for s in range(30)]
        return statistics.fmean(edit_strength(f, picture(1) // 8 + 100) for f in made)

    assert strength(0.0) > strength(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_two_pictures_suffer_alike_from_equal_generators(kind: str) -> None:
    a, b = (degrade(picture(1), np.random.default_rng(4), kind)[0] for _ in range(2))
    assert np.array_equal(a, b)
    assert a.shape == (120, 120, 3)
    assert (kind == "none") == np.array_equal(a, picture(1))


def test_the_generator_goes_on_alike_whatever_the_picture_shows() -> None:
    one, two = np.random.default_rng(9), np.random.default_rng(9)
    assert degrade(picture(1), one)[1] == degrade(picture(2), two)[1]
    assert one.integers(1000) == two.integers(1000)


def test_an_unknown_aftermath_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="messenger"):
        degrade(picture(1), np.random.default_rng(0), "fax")
