from pathlib import Path

import pytest
from PIL import Image

from ml.sources import SourceMissing, read_all
from ml.sources.rff import regions_of


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def test_rff_names_tell_the_forged_regions() -> None:
    assert regions_of("easy_100_1011") == ("left_eye", "nose", "mouth")
    assert regions_of("hard_7_0100") == ("right_eye",)


def test_the_rff_name_with_three_flags_leaves_regions_unknown() -> None:
    assert regions_of("easy_116_111") == ()


def test_another_form_of_name_is_refused() -> None:
    with pytest.raises(SourceMissing, match="expected <easy"):
        regions_of("fake_1")


def test_rff_gives_both_classes(tmp_path: Path) -> None:
    put(tmp_path / "rff/training_real/real_00001.jpg")
    put(tmp_path / "rff/training_fake/mid_1_1111.jpg")
    rows = read_all(tmp_path, ["rff"])
    assert [(r.label, r.key) for r in rows] == [
        ("real", "rff/training_real/real_00001.jpg"),
        ("fake", "rff/training_fake/mid_1_1111.jpg"),
    ]


def test_lfw_identity_is_the_folder(tmp_path: Path) -> None:
    put(tmp_path / "lfw/Ada_L/Ada_L_0001.jpg")
    assert read_all(tmp_path, ["lfw"])[0].identity == "Ada_L"


def test_absent_set_names_the_path_and_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"scut.images is not a folder: expected <group><number>\.jpg"):
        read_all(tmp_path, ["scut"])


def test_unknown_source_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no reader for celeb: known are rff, lfw"):
        read_all(tmp_path, ["celeb"])


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "portraits").mkdir()
    with pytest.raises(SourceMissing, match="holds no images"):
        read_all(tmp_path, ["portraits"])


def test_development_sets_are_read_when_they_are_there() -> None:
    data = Path("../shared/data")
    if not data.is_dir():
        pytest.skip("no development data next to the checkout")
    rows = read_all(data)
    assert {r.source for r in rows} == {"rff", "lfw", "utkface", "scut", "portraits"}
    assert len({r.key for r in rows}) == len(rows)
