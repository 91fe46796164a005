from pathlib import Path

import pytest

from ml.sources import SourceMissing
from ml.sources.generated import read, without_pictures


def place(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"a picture")


def test_each_generator_is_a_source_and_a_photograph_is_real(tmp_path: Path) -> None:
    place(
        tmp_path,
        "gan_faces/real/a.jpg",
        "gan_faces/fake/a.jpg",
        "generators/one/b.png",
        "generators/two/b.jpg",
    )
    place(tmp_path, "generators/one/notes.txt", "generators/README.md")
    found = {photo.key: (photo.source, photo.label) for photo in read(tmp_path)}
    assert found == {
        "gan_faces/real/a.jpg": ("gan_faces", "real"),
        "gan_faces/fake/a.jpg": ("gan_faces", "fake"),
        "generators/one/b.png": ("one", "fake"),
        "generators/two/b.jpg": ("two", "fake"),
    }


def test_generators_may_lie_elsewhere_and_one_that_is_named_must_be_there(tmp_path: Path) -> None:
    place(tmp_path, "data/gan_faces/real/a.jpg", "data/gan_faces/fake/a.jpg", "other/one/b.png")
    assert len(read(tmp_path / "data")) == 2
    assert len(read(tmp_path / "data", tmp_path / "other")) == 3
    with pytest.raises(SourceMissing, match="is not a folder"):
        read(tmp_path / "data", tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceMissing, match="holds no images"):
        read(tmp_path / "data", tmp_path / "empty")


@pytest.mark.parametrize("name", ["lfw", "RFF", "gan_faces"])
def test_a_generator_with_the_name_of_a_set_is_refused(tmp_path: Path, name: str) -> None:
    place(tmp_path, "gan_faces/real/a.jpg", "gan_faces/fake/a.jpg", f"generators/{name}/b.png")
    with pytest.raises(SourceMissing, match=f"{name} is the name of another set"):
        read(tmp_path)


def test_folders_without_pictures_are_told(tmp_path: Path) -> None:
    place(tmp_path, "gan_faces/real/a.jpg", "gan_faces/fake/a.jpg")
    assert without_pictures(tmp_path) == []
    place(tmp_path, "generators/one/b.png", "generators/deeper/images/b.png", "generators/texts/b.txt")
    assert [folder.name for folder in without_pictures(tmp_path)] == ["deeper", "texts"]
    assert without_pictures(tmp_path / "gan_faces", tmp_path / "generators") == without_pictures(tmp_path)
