import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from detection.bundle import FACE, View
from detection.decoding import decode
from detection.decoding.profiles import profile_of_codes
from detection.faces.examine import examine
from detection.preprocess import batch
from detection.views import crop
from ml.balancing import SETTINGS
from ml.sources.manifest import read
from ml.training.batches import Batch, PairSampler, ResampledSampler
from ml.training.decisions import split_decisions
from ml.training.faces import (
    FRAME,
    NAME,
    FramedFaces,
    NoSpace,
    found_faces,
    frame_of,
    framed,
    frames_of,
    rows_for_view,
)
from ml.training.sides import SplitSide
from ml.training_rows import FULL, STORED, TrainingRows
from tests.factories.image_files import saved
from tests.factories.phone_files import heic
from tests.factories.training_rows import training_rows
from tests.factories.training_snapshots import snapshot


class Millions(Sequence[Path]):
    """More photographs than any disk has room for."""

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, at: int | slice) -> NoReturn:
        raise AssertionError("nothing is decoded before the disk was looked at")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    for number in range(9):
        size = (200 + 10 * number, 300 - 10 * number, 3)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(tmp_path / f"{number}.jpg")
    return sorted(tmp_path.glob("*.jpg"))


def test_rows_are_what_serving_frames(photos: list[Path], tmp_path: Path) -> None:
    faces = FramedFaces(photos)
    rows = faces.rows([7, 0, 8])
    with faces.kept_in(tmp_path):
        assert len(rows) == 3
        for row, photo in zip(range(3), (photos[7], photos[0], photos[8]), strict=True):
            with Image.open(photo) as opened:
                known = crop(opened.convert("RGB"), View(STORED, STORED / FULL))
            np.testing.assert_array_equal(rows[row], known)
            np.testing.assert_array_equal(rows[row, 8:20, ::4], known[8:20, ::4])
            assert framed(photo)[FRAME] == known.tobytes()


def test_every_frame_is_cut_from_the_photograph_itself(photos: list[Path], tmp_path: Path) -> None:
    """A view of another scale is no second resizing of the usual frame."""
    close = View(64, 0.5)
    faces = FramedFaces(photos, frames_of([View(128, 0.64), close, View(STORED, STORED / FULL)]))
    assert faces.frames == (FRAME, close)
    rows = faces.rows([4, 2])
    with faces.kept_in(tmp_path):
        for row, photo in zip(range(2), (photos[4], photos[2]), strict=True):
            with Image.open(photo) as opened:
                picture = opened.convert("RGB")
            np.testing.assert_array_equal(rows[row], crop(picture, FRAME))
            np.testing.assert_array_equal(rows.framed_as(close)[row], crop(picture, close))


def test_with_a_keyring_the_file_of_faces_shows_none(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYRING_KEY", "11" * 32)
    close, pwrite = View(64, 0.5), os.pwrite
    written: list[bytes] = []

    def noted(file: int, data: bytes, at: int) -> int:
        written.append(data)
        return pwrite(file, data, at)

    monkeypatch.setattr(os, "pwrite", noted)
    faces = FramedFaces(photos[:2], frames_of([close]))
    with faces.kept_in(tmp_path):
        for row, photo in enumerate(photos[:2]):
            for frame, known in framed(photo, faces.frames).items():
                assert faces.read(row, frame).tobytes() == known
                assert known[:1000] not in b"".join(written)


def test_a_frame_around_the_face_is_the_crop_that_serving_makes(tmp_path: Path) -> None:
    paths = sorted((Path(__file__).parents[3] / "samples").glob("sample-*.jpg"))[:3]
    view = View(64, 0.72, frame=FACE)
    faces = FramedFaces(paths, frames_of([view]), [face.place for face in found_faces(paths) if face])
    rows = faces.rows([2, 0])
    with faces.kept_in(tmp_path):
        for row, path in zip(range(2), (paths[2], paths[0]), strict=True):
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
            place = examine(picture).frame
            assert place is not None
            np.testing.assert_array_equal(rows.framed_as(view)[row], crop(picture, view, place))
            np.testing.assert_array_equal(rows[row], crop(picture, FRAME))


def test_training_decodes_phone_files_as_serving_does(tmp_path: Path) -> None:
    """A picture that the camera turned by EXIF, a wide gamut, HEIC and AVIF."""
    sample = Path(__file__).parents[3] / "samples" / "sample-01-genuine.jpg"
    with Image.open(sample) as opened:
        face = opened.convert("RGB")
    sideways, wide = Image.Exif(), profile_of_codes(12, 13)
    sideways[0x0112] = 6
    files = {
        "sideways.jpg": saved(face, "JPEG", exif=sideways.tobytes()),
        "wide.jpg": saved(face, "JPEG", icc_profile=wide),
        "phone.heic": heic(face),
        "phone.avif": saved(face, "AVIF"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert framed(tmp_path / name)[FRAME] == crop(decode(data), FRAME).tobytes(), name
    as_stored = crop(face, FRAME)
    turned = np.frombuffer(framed(tmp_path / "sideways.jpg")[FRAME], np.uint8).reshape(as_stored.shape)
    assert np.abs(turned.astype(int) - np.rot90(as_stored, -1)).mean() < 5
    assert np.abs(turned.astype(int) - as_stored).mean() > 10


def test_a_frame_around_the_face_is_refused_without_the_faces_place(photos: list[Path]) -> None:
    (photos[0].parent / "damaged.jpg").write_bytes(b"no picture")
    assert found_faces([photos[0], photos[0].parent / "damaged.jpg"]) == [None, None]
    for places in ((), [None] * len(photos)):
        with pytest.raises(ValueError, match="needs the place of the face"):
            FramedFaces(photos, frames_of([View(64, 0.72, frame=FACE)]), places)


def test_batches_of_another_scale_show_what_serving_sees(tmp_path: Path) -> None:
    photos = read(snapshot(tmp_path / "snapshot", 30))
    close = View(64, 0.5)
    faces = FramedFaces([photo.path for photo in photos], frames_of([close]))
    side = split_decisions(photos, faces, seed=0)["validation"]
    with faces.kept_in(tmp_path):
        found = side.inputs(np.array([1, 0]), close)
        drawn = PairSampler(rows_for_view(side.examples, close), side.source).draw(8, close.side)
    of_side = [photo for photo in photos if f"{photo.source}/{photo.identity}" in set(side.group)]
    pictures = []
    for photo in (of_side[1], of_side[0]):
        with Image.open(photo.path) as opened:
            pictures.append(opened.convert("RGB"))
    assert torch.equal(found, batch(pictures, close))
    assert drawn.images.shape == (8, 3, 64, 64)


def test_rows_from_memory_have_one_scale_only(tmp_path: Path) -> None:
    rows = training_rows()
    assert rows_for_view(rows, View(128, 0.64)) is rows
    with pytest.raises(ValueError, match="another scale"):
        rows_for_view(rows, View(64, 0.5))


def test_a_side_that_no_batch_has_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        frame_of(View(30, 0.5))


def test_the_file_has_no_name_and_ends_with_the_block(photos: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / NAME).write_bytes(b"of a killed run")
    faces = FramedFaces(photos)
    with faces.kept_in(folder):
        assert list(folder.iterdir()) == []
        assert faces.read(3).any()
    with pytest.raises(ValueError, match="not kept"):
        faces.read(3)


def test_a_disk_that_is_too_small_is_said_before_anything_is_decoded(tmp_path: Path) -> None:
    with (
        pytest.raises(NoSpace, match="on 1,000,000,000 decisions needs 92,928,200 MB while it runs"),
        FramedFaces(Millions()).kept_in(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_batches_from_the_file_are_those_from_memory(tmp_path: Path) -> None:
    photos = read(snapshot(tmp_path / "snapshot", 30))
    photos = [photo for number, photo in enumerate(photos) if photo.label == "real" or number % 3 == 0]
    faces = FramedFaces([photo.path for photo in photos])
    side = split_decisions(photos, faces, seed=0)["train"]
    with faces.kept_in(tmp_path):
        pixels = np.stack([side.examples.images[row] for row in range(len(side.examples.label))])
        for read_from_file, held in zip(
            samplers(side, side.examples), samplers(side, replace(side.examples, images=pixels)), strict=True
        ):
            assert_same(read_from_file.draw(32, 128), held.draw(32, 128))


def samplers(side: SplitSide, examples: TrainingRows) -> list[PairSampler | ResampledSampler]:
    resampled = [ResampledSampler(examples, setting, seed=3) for setting in SETTINGS.values()]
    return [PairSampler(examples, side.source, seed=3), *resampled]


def assert_same(one: Batch, other: Batch) -> None:
    for field in fields(Batch):
        here, there = getattr(one, field.name), getattr(other, field.name)
        assert here is there is None or torch.equal(here, there), field.name
