import numpy as np
import pytest

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from pathlib import Path

import cv2

from ml.sources import Photo
from ml.synthesis.forge import Forgery, Recipe, swap
from ml.synthesis.forged_rows import MATCHED, OWN, plan_forgeries
from ml.synthesis.matched import describe_appearance, matching_donor, mesh_swap
from ml.synthesis.measure import Measures
from ml.synthesis.regions import REGIONS

SIDE = 160


@pytest.fixture
def points() -> np.ndarray:
    """468 points of a made-up face: spread over a disc in the middle of a picture of 160 px."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 468), 50 * np.sqrt(rng.uniform(0.02, 1, 468))
    return np.stack([80 + radius * np.cos(angle), 80 + radius * np.sin(angle)], 1).astype(np.float32)


def textured(seed: int, level: float = 120.0, slope: float = 0.0) -> np.ndarray:
    """Fine texture on a level that rises from left to right by `slope` grey levels in all."""
    noise = np.random.default_rng(seed).normal(0, 12, (SIDE, SIDE, 3))
    light = level + slope * (np.arange(SIDE) / SIDE - 0.5)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.0) * 2 + light[None, :, None], 0, 255).astype(np.uint8)


def edited(forged: Forgery, target: np.ndarray) -> np.ndarray:
    return np.abs(forged.image.astype(int) - target).mean(2)


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_every_region_can_be_swapped_and_only_it_changes(points: np.ndarray, region: str) -> None:
    target = textured(1)
    forged = mesh_swap(target, points, textured(2), points + 3, Recipe(region, grow=1.0))
    assert edited(forged, target)[forged.mask > 200].mean() > 3
    assert (edited(forged, target)[forged.mask == 0] <= 1).all()
    assert forged.kind == f"mesh/{region}/feather"


def test_a_face_swapped_with_itself_stays(points: np.ndarray) -> None:
    target = textured(1)
    forged = mesh_swap(target, points, target, points, Recipe("inner_face", grow=1.0))
    assert edited(forged, target).max() <= 2


def test_the_donors_pixels_follow_the_mesh(points: np.ndarray) -> None:
    """A donor that is a stretched copy of the target gives the target back, which no similarity transform does."""
    coarse = np.random.default_rng(3).integers(40, 220, (9, 9, 3), dtype=np.uint8)
    target = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    matrix = np.array([[1.2, 0.15, -20], [0.0, 0.85, 10]], np.float32)
    donor = cv2.warpAffine(target, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    donor_points = points @ matrix[:, :2].T + matrix[:, 2]
    recipe = Recipe("inner_face", grow=1.0, colour=0.0)
    by_mesh = edited(mesh_swap(target, points, donor, donor_points, recipe), target).mean()
    by_similarity = edited(swap(target, points, donor, donor_points, recipe), target).mean()
    assert by_mesh < 0.25 * by_similarity


def test_the_donor_takes_the_light_of_the_target(points: np.ndarray) -> None:
    """Lit from opposite sides, the swapped region keeps the target's light from left to right."""
    target, donor = textured(1, slope=80), textured(2, level=90, slope=-80)
    forged = mesh_swap(target, points, donor, points, Recipe("inner_face", grow=1.0))
    inside = forged.mask > 200
    columns = np.flatnonzero(inside.any(0))
    left, right = columns[: len(columns) // 3], columns[-len(columns) // 3 :]

    def rise(image: np.ndarray) -> float:
        return image[:, right][inside[:, right]].mean() - image[:, left][inside[:, left]].mean()

    assert rise(forged.image) == pytest.approx(rise(target), rel=0.4)


def test_a_donor_is_not_sharper_than_its_target(points: np.ndarray) -> None:
    target, donor = cv2.GaussianBlur(textured(1), (0, 0), 2.5), textured(2)
    forged = mesh_swap(target, points, donor, points, Recipe("inner_face", grow=1.0))
    inside = cv2.erode((forged.mask > 200).astype(np.uint8), np.ones((9, 9))) > 0

    def detail(image: np.ndarray) -> float:
        return cv2.Laplacian(image[..., 1], cv2.CV_32F)[inside].std()

    assert detail(forged.image) < 0.4 * detail(donor)


def test_a_region_outside_of_the_picture_cannot_be_swapped(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="outside"):
        mesh_swap(textured(1), points + 500, textured(2), points, Recipe("mouth"))


def test_a_look_tells_colour_light_and_sharpness(points: np.ndarray) -> None:
    plain = describe_appearance(textured(1), points)
    assert describe_appearance(textured(1, level=200), points)[0] > plain[0] + 20
    assert describe_appearance(textured(1, slope=100), points)[3] > plain[3] + 10
    assert describe_appearance(cv2.GaussianBlur(textured(1), (0, 0), 3), points)[5] < plain[5]
    with pytest.raises(ValueError, match="outside"):
        describe_appearance(textured(1), points + 500)


def test_the_donor_that_looks_like_the_target_is_chosen() -> None:
    looks = np.zeros((12, 7), np.float32)
    looks[1:6, 0] = 100
    looks[6] = np.nan
    rng = np.random.default_rng(0)
    drawn = {matching_donor(looks, 0, range(1, 12), rng) for _ in range(60)}
    assert drawn == {7, 8, 9, 10}


def test_the_plan_gives_each_matched_swap_a_donor_that_looks_like_it() -> None:
    """Two groups of eight photographs, warm and cold: donors come from the own group and another person."""
    rng = np.random.default_rng(0)
    photos = [Photo(Path(f"{k}.jpg"), str(k), "s", str(k), "real") for k in range(16)]
    looks = np.zeros((16, 7), np.float32)
    looks[8:, 2] = 60
    points = (rng.uniform(20, 120, (1, 468, 2)) + rng.normal(0, 1, (16, 468, 2))).astype(np.float32)
    measures = Measures(points, np.ones(16), np.zeros((16, 256), bool), np.zeros((16, 3), np.float32), looks)
    people = np.array([photo.identity for photo in photos])
    jobs = plan_forgeries(photos, measures, people, np.ones(16, bool), rounds=1, seed=1, ways={MATCHED: 1.0})
    forged = [job for job in jobs if job.way != OWN]
    assert len(forged) == 16
    assert all((job.donor < 8) == (job.index < 8) and job.donor != job.index for job in forged)
