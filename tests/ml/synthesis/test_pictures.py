from pathlib import Path

import numpy as np
from PIL import Image

from detection.forensics.jpeg import block_coefficients
from ml.pictures import Picture, write_pictures
from ml.sources import Photo
from ml.synthesis.forged_rows import OWN, ForgeryJob
from ml.synthesis.measure import Measures
from ml.synthesis.pictures import pictures
from ml.synthesis.regions import indices
from ml.synthesis.whole_changes import UNCHANGED


def made(
    tmp_path: Path, way: str = "copymove", seed: int = 7
) -> tuple[list[Picture], np.ndarray, np.ndarray]:
    """A smooth picture as a file, a fake with a known region, and a pair of it: what the jobs give."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(40, 200, (9, 8, 3), dtype=np.uint8))
    coarse.resize((160, 180), Image.Resampling.BICUBIC).save(tmp_path / "a.png")
    points = np.stack([rng.uniform(30, 130, 468), rng.uniform(40, 150, 468)], 1).astype(np.float32)
    photos = [
        Photo(tmp_path / "a.png", "a", "s", "a", "real"),
        Photo(tmp_path / "a.png", "b", "s", "b", "fake", ("nose",)),
    ]
    measures = Measures(
        np.stack([points, points]), np.ones(2), np.zeros((2, 256), bool), np.zeros((2, 3)), np.zeros((2, 7))
    )
    jobs = [
        ForgeryJob(0, -1, OWN, 1.0, 0, False),
        ForgeryJob(1, -1, OWN, 1.0, 0, False),
        ForgeryJob(0, 1, OWN, 0.5, seed, False),
        ForgeryJob(0, 1, way, 0.5, seed, False),
    ]
    return list(pictures(photos, measures, jobs)), points, np.asarray(Image.open(tmp_path / "a.png"))


def test_a_sources_own_pictures_stay_as_their_files_are(tmp_path: Path) -> None:
    (real, fake, *_), points, image = made(tmp_path)
    assert np.array_equal(real.image, image)
    assert (real.label, real.made, real.post) == (0, False, "file")
    assert (fake.label, fake.made, fake.post, fake.kind) == (1, False, "file", "source")
    x, y = points[indices("nose")].mean(0).round().astype(int)
    assert fake.mask[y, x] == 255


def test_a_pair_differs_where_it_was_edited_and_hardly_elsewhere(tmp_path: Path) -> None:
    (_, _, real, forged), _, image = made(tmp_path)
    assert (real.label, real.made) == (0, False)
    assert (forged.label, forged.made) == (1, True)
    assert real.post == forged.post != "file"
    assert not np.array_equal(real.image, image)  # it went through the JPEG pass of the pair, too
    difference = np.abs(real.image.astype(int) - forged.image).mean(2)
    inside = forged.mask > 200
    outside = forged.mask == 0
    assert inside.any()
    assert difference[inside].mean() > 3 * difference[outside].mean()
    assert forged.strength > 0


def test_a_pair_is_changed_as_a_whole_in_the_same_way(tmp_path: Path) -> None:
    """Otherwise a sharpened or brighter picture would look forged."""
    pairs = [made(tmp_path, seed=seed)[0][2:] for seed in range(12)]
    assert all(real.change == forged.change for real, forged in pairs)
    assert len({real.change for real, _ in pairs} - {UNCHANGED}) > 2
    assert UNCHANGED in {real.change for real, _ in pairs}
    for real, forged in pairs:
        corner = np.s_[:16, :16]  # far from the edit
        assert np.abs(real.image[corner].astype(int) - forged.image[corner]).mean() < 3, real.change


def test_a_picture_keeps_the_table_of_the_file_that_has_its_pixels(tmp_path: Path) -> None:
    (as_file, _, real, forged), _, _ = made(tmp_path)
    assert as_file.table is None  # a PNG
    assert real.table is not None
    assert forged.table is not None
    np.testing.assert_array_equal(real.table, forged.table)
    store = write_pictures(tmp_path / "store", [as_file, real])
    assert store.grid(0) is None
    grid = store.grid(1)
    assert grid
    grey = np.asarray(Image.fromarray(store.image(1)).convert("L"))[:176, :160]
    blocks = grey.reshape(22, 8, 20, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    quantised = block_coefficients(blocks)[:, 1:3, 1:3] / grid.table[1:3, 1:3]
    wrong = block_coefficients(blocks)[:, 1:3, 1:3] / (grid.table[1:3, 1:3] * 1.37)
    error, other = (np.abs(each - np.rint(each)).mean() for each in (quantised, wrong))
    assert error < 0.8 * other
