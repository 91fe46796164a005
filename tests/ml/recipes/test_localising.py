from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from ml.evaluation.pixels import pointing, position_only
from ml.recipes.data import Divided
from ml.recipes.localising import Faces, Pairs, anywhere, measured_on, pairs_of
from ml.sources import Photo
from ml.synthesis.forge import Recipe
from ml.synthesis.measure import Measures


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    """Two real faces and an own fake of one source; the mesh is a ring of points in the middle."""
    rng = np.random.default_rng(0)
    rows = []
    for name, label, regions in (("a", "real", ()), ("b", "real", ()), ("c", "fake", ("mouth",))):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(rng.integers(60, 200, (90, 90, 3), dtype=np.uint8)).save(path)
        rows.append(Photo(path, f"rff/{name}", "rff", name, label, regions))
    angle, radius = rng.uniform(0, 2 * np.pi, 468), rng.uniform(8, 25, 468)
    ring = np.stack([45 + radius * np.cos(angle), 45 + radius * np.sin(angle)], 1).astype(np.float32)
    measures = Measures(
        np.stack([ring] * 3), np.ones(3), np.zeros((3, 256), bool), np.zeros((3, 3)), np.zeros((3, 7))
    )
    return Faces(rows, measures, {0: np.array([1]), 1: np.array([0])})


def value_of(figures: dict[str, object], name: str) -> float:
    figure = figures[name]
    assert isinstance(figure, dict)
    return float(figure["value"])


def divided(faces: Faces) -> Divided:
    return Divided(faces.photos, ["a", "b", "c"], ["test"] * 3, [], "")


def test_each_real_is_paired_with_itself_and_each_own_fake_with_a_real(faces: Faces) -> None:
    pairs = pairs_of(divided(faces), faces, "test", seed=0)
    assert pairs[:2].tolist() == [[0, 0], [1, 1]]
    assert pairs[2, 0] in (0, 1)
    assert pairs[2, 1] == 2


def test_a_pair_is_an_untouched_row_and_a_row_with_its_mask(faces: Faces) -> None:
    pairs = Pairs(faces, np.array([[0, 0], [1, 2]]), side=48)
    x, target = pairs.batch(np.array([0, 1]), None)
    assert x.shape == (4, 6, 48, 48)
    assert target[0].sum() == target[2].sum() == 0
    assert target[1].sum() > 0
    assert target[3].sum() > 0
    again, _ = pairs.batch(np.array([0, 1]), None)
    assert torch.equal(x, again)


def test_figures_of_a_perfect_and_of_a_blind_mask(faces: Faces) -> None:
    pairs = Pairs(faces, np.array([[0, 0], [1, 1], [1, 2]]), side=32)
    target = torch.zeros(6, 1, 32, 32)
    target[1::2, :, 8:16, 8:16] = 1
    perfect = measured_on(pairs, 20 * target - 10, target, divided(faces))
    assert value_of(perfect, "auc") == value_of(perfect, "auc_own_fakes") == 1
    assert value_of(perfect, "most_suspect_pixel_is_forged") == 1
    blind = measured_on(pairs, torch.zeros_like(target), target, divided(faces))
    assert value_of(blind, "told_apart_within_pair") == 0
    assert not pointing(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))[0]


def test_a_patch_can_lie_anywhere_and_changes_only_its_place() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    donor = rng.integers(0, 256, (90, 50, 3), dtype=np.uint8)
    centres = []
    for seed in range(30):
        forged = anywhere(target, donor, Recipe("nose", "hard"), np.random.default_rng(seed))
        changed = (forged.image != target).any(-1)
        assert changed.any()
        beyond = forged.image.astype(int)[forged.mask == 0] - target[forged.mask == 0]
        assert np.abs(beyond).max() <= 1  # the end of a soft seam
        centres.append(np.argwhere(forged.mask > 127).mean(0))
    assert np.ptp(centres, axis=0).min() > 20


def test_a_mask_that_is_the_same_for_every_face_sets_the_bar(faces: Faces) -> None:
    pairs = Pairs(faces, np.array([[0, 2], [1, 2]]), side=32)
    _, target = pairs.batch(np.array([0, 1]), None)
    bar = position_only(target[1::2], target)
    assert value_of(bar, "pixel_f1_by_position_only") == 1
    assert value_of(bar, "most_suspect_pixel_by_position_only") == 1
