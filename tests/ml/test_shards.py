"""The data store: what goes in comes out, in the document's shards."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from ml import hdf5, shards
from ml.cli import main
from ml.recipes.faces import write_rff
from ml.recipes.t5_voting import write_voting
from ml.sources import Photo, SourceMissing, rff


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    write_rff(tmp_path / "rff", count=24)
    return rff.read(tmp_path)


@pytest.fixture
def store(photos: list[Photo], tmp_path: Path) -> shards.Store:
    return shards.build_store(photos, tmp_path / "store", side=40, shards=2)


def test_a_stored_picture_is_the_resized_one_to_the_last_bit(
    photos: list[Photo], store: shards.Store
) -> None:
    for row in (0, 13, 47):
        photo = photos[store.photo[row]]
        with Image.open(photo.path) as image:
            expected = np.asarray(image.convert("RGB").resize((40, 40), Image.Resampling.BICUBIC))
        assert (store.image(row) == expected).all()
        assert store.label[row] == (photo.label == "fake")
        assert store.keys[store.photo[row]] == photo.key


def test_rows_are_drawn_in_any_order(store: shards.Store) -> None:
    drawn = store.images(np.array([30, 2, 30]))
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[1] == store.image(2)).all()


def test_the_documents_numbers_give_the_documents_shards() -> None:
    label = np.array([0] * 203_680 + [1] * 960)
    assert shards.shards_for(960) == 80
    parts = shards.deal_to_shards(label, 80)
    assert [np.bincount(label[rows]).tolist() for rows in parts] == [[2546, 12]] * 80
    shard = np.repeat(np.arange(80), 2558)
    sides = shards.split_rows(np.tile([0] * 2546 + [1] * 12, 80), shard, seed=0)
    fakes = np.tile([0] * 2546 + [1] * 12, 80) == 1
    counts = {
        side: (int((sides == side).sum()), int((fakes & (sides == side)).sum())) for side in shards.SIDES
    }
    assert counts["test"][0] == 20_480
    assert sum(all_of for all_of, _ in counts.values()) == 204_640
    assert counts["train"][1] > 700


def test_a_killed_build_goes_on_where_it_stood(
    photos: list[Photo], store: shards.Store, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    before = (folder / "000.bin").stat().st_mtime_ns
    (folder / "001.npy").unlink()
    (folder / "store.json").rename(folder / "plan.json")
    with pytest.raises(SourceMissing, match="cannot be read: expected a data store"):
        shards.Store.open(folder)
    again = shards.build_store(photos, folder, side=40, shards=2)
    assert (again.images(np.arange(48)) == store.images(np.arange(48))).all()
    assert (folder / "000.bin").stat().st_mtime_ns == before


def test_a_folder_with_another_store_is_refused(
    photos: list[Photo], store: shards.Store, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="is of other photographs"):
        shards.build_store(photos, tmp_path / "store", side=41, shards=2)


def test_an_unreadable_file_is_named(photos: list[Photo], tmp_path: Path) -> None:
    photos[3].path.write_bytes(b"no image")
    with pytest.raises(SourceMissing, match=f"{photos[3].path} cannot be read"):
        shards.build_store(photos, tmp_path / "other", side=40, shards=2)


def test_too_few_fakes_for_a_shard_are_refused() -> None:
    with pytest.raises(ValueError, match="3 shards need as many images of each class"):
        shards.deal_to_shards(np.array([0] * 10 + [1] * 2), 3)
    with pytest.raises(ValueError, match="ten images of each class"):
        shards.split_rows(np.array([0] * 20 + [1] * 9), np.zeros(29, int), seed=0)


def test_the_hdf5_export_has_the_documents_layout(store: shards.Store, tmp_path: Path) -> None:
    sides = shards.split_rows(store.label, store.shard, seed=0)
    paths = hdf5.export(store, tmp_path / "h5", sides)
    assert [p.name for p in paths] == ["data.h5", "train.h5", "validation.h5", "test.h5"]
    with h5py.File(paths[0]) as file:
        assert list(file) == ["dataset1", "dataset2"]
        table = file["dataset1"][:]
    assert table.dtype == np.float64
    assert table.shape == (24, 40 * 40 * 3 + 1)
    assert np.allclose(table[5, :-1].reshape(40, 40, 3) * 255, store.image(5))
    assert table[:, -1].tolist() == (1 - store.label[:24]).tolist()
    with h5py.File(paths[1]) as file:
        assert list(file) == ["train0", "train1"]
        assert len(file["train0"]) == int(((sides == "train") & (store.shard == 0)).sum())


def test_the_index_is_json_that_names_every_file(store: shards.Store) -> None:
    notes = json.loads((store.folder / "store.json").read_text())
    assert notes["format"] == shards.FORMAT
    assert len(notes["keys"]) == len(store)


def test_the_command_builds_a_store_and_the_documents_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_voting(tmp_path / "data", count=24)
    out = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "store"), "--side", "16"]
    assert main(["store", *out, "--hdf5", str(tmp_path / "h5")]) == 0
    assert "96 faces, 24 of them forged" in capsys.readouterr().out
    assert len(shards.Store.open(tmp_path / "store")) == 96
    assert (tmp_path / "h5/train.h5").is_file()
