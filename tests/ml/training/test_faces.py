from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection.bundle import View
from detection.preprocess import crop
from ml.balancing import SETTINGS
from ml.bank import FULL, STORED, Bank
from ml.sources.manifest import read
from ml.training.batches import Batch, PairSampler, ResampledSampler
from ml.training.decisions import split
from ml.training.faces import NAME, Faces, NoSpace, framed
from ml.training.finish import Side
from tests.factories.training_snapshots import snapshot


class Millions(Sequence[Path]):
    """More photographs than any disk has room for."""

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, at):
        raise AssertionError("nothing is decoded before the disk was looked at")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    for number in range(9):
        size = (200 + 10 * number, 300 - 10 * number, 3)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(tmp_path / f"{number}.jpg")
    return sorted(tmp_path.glob("*.jpg"))


def test_rows_are_what_serving_frames(photos: list[Path], tmp_path: Path) -> None:
    faces = Faces(photos)
    rows = faces.rows([7, 0, 8])
    with faces.kept_in(tmp_path):
        assert len(rows) == 3
        for row, photo in zip(range(3), (photos[7], photos[0], photos[8]), strict=True):
            with Image.open(photo) as opened:
                known = crop(opened.convert("RGB"), View(STORED, STORED / FULL))
            np.testing.assert_array_equal(rows[row], known)
            np.testing.assert_array_equal(rows[row, 8:20, ::4], known[8:20, ::4])
            np.testing.assert_array_equal(framed(photo), known)


def test_the_file_has_no_name_and_ends_with_the_block(photos: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / NAME).write_bytes(b"of a killed run")
    faces = Faces(photos)
    with faces.kept_in(folder):
        assert list(folder.iterdir()) == []
        assert faces.read(3).any()
    with pytest.raises(ValueError, match="not kept"):
        faces.read(3)


def test_a_disk_that_is_too_small_is_said_before_anything_is_decoded(tmp_path: Path) -> None:
    with (
        pytest.raises(NoSpace, match="on 1,000,000,000 decisions needs 92,928,200 MB while it runs"),
        Faces(Millions()).kept_in(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_batches_from_the_file_are_those_from_memory(tmp_path: Path) -> None:
    photos = read(snapshot(tmp_path / "snapshot", 30))
    photos = [photo for number, photo in enumerate(photos) if photo.label == "real" or number % 3 == 0]
    faces = Faces([photo.path for photo in photos])
    side = split(photos, faces, seed=0)["train"]
    with faces.kept_in(tmp_path):
        pixels = np.stack([side.bank.images[row] for row in range(len(side.bank.label))])
        for read_from_file, held in zip(
            samplers(side, side.bank), samplers(side, replace(side.bank, images=pixels)), strict=True
        ):
            assert_same(read_from_file.draw(32, 128), held.draw(32, 128))


def samplers(side: Side, bank: Bank) -> list[PairSampler | ResampledSampler]:
    resampled = [ResampledSampler(bank, setting, seed=3) for setting in SETTINGS.values()]
    return [PairSampler(bank, side.source, seed=3), *resampled]


def assert_same(one: Batch, other: Batch) -> None:
    for field in fields(Batch):
        assert torch.equal(getattr(one, field.name), getattr(other, field.name)), field.name
