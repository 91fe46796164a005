"""A frozen split, and what was measured for it, outlive a command with other pictures."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from ml.sources import SourceMissing
from ml.training.generated_lists import list_faces
from ml.training.preparation import prepare
from tests.factories.face_sets import write_face_sets


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_face_sets(root)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_other_pictures_change_neither_splits_nor_measures(data: Path, tmp_path: Path) -> None:
    list_faces(data, tmp_path)
    before = contents(tmp_path)
    assert set(before) == {
        "splits.json",
        "measures.npz",
        "generated-splits.json",
        "generated-measures.npz",
    }
    with pytest.raises(ValueError, match="another work folder"):
        prepare(data, tmp_path, seed=0, limit=1)
    assert contents(tmp_path) == before

    added = data / "generators" / "one" / "c3.png"
    added.write_bytes((data / "generators" / "two" / "d0.jpg").read_bytes())
    try:
        with pytest.raises(ValueError, match=r"generated-splits\.json is the split of other pictures"):
            list_faces(data, tmp_path)
    finally:
        added.unlink()
    assert contents(tmp_path) == before
    list_faces(data, tmp_path)
    assert contents(tmp_path) == before


def test_an_unreadable_picture_is_named(data: Path, tmp_path: Path) -> None:
    path = data / "generators" / "two" / "d1.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:3000])
    try:
        with pytest.raises(SourceMissing, match=r"1 unreadable: .*two/d1\.jpg"):
            list_faces(data, tmp_path)
    finally:
        path.write_bytes(whole)


def test_too_few_generated_faces_are_refused_before_their_split_is_frozen(data: Path, tmp_path: Path) -> None:
    few, work = tmp_path / "data", tmp_path / "work"
    shutil.copytree(data, few, ignore=shutil.ignore_patterns("generators", "b1.jpg", "b2.jpg"))
    with pytest.raises(ValueError, match="no generated face is on the side of validation and train: give"):
        list_faces(few, work)
    assert set(contents(work)) == {"splits.json", "measures.npz"}
