import re
from pathlib import Path

import pytest

from detection.decoding import inspect

FOLDER = Path(__file__).parents[2] / "samples"
FILES = sorted(FOLDER.glob("*.jpg"))
README = (FOLDER / "README.md").read_text()


def test_there_are_enough_samples_and_they_are_small() -> None:
    assert 12 <= len(FILES) <= 16
    assert sum(file.stat().st_size for file in FILES) <= 3_000_000


def test_a_third_to_a_half_is_edited_and_every_name_says_what_it_is() -> None:
    for number, file in enumerate(FILES, start=1):
        assert re.fullmatch(rf"sample-{number:02d}-(genuine|edited-[a-z]+(-[a-z]+)*)\.jpg", file.name)
    edited = [file for file in FILES if "-edited-" in file.name]
    assert 1 / 3 <= len(edited) / len(FILES) <= 1 / 2


def test_the_readme_names_every_file_its_person_and_its_edit_and_no_other_file() -> None:
    rows = re.findall(r"^\| `(.+?)` \| `([A-Z]\d{6})` \| (.+) \|$", README, re.MULTILINE)
    assert [name for name, _, _ in rows] == [file.name for file in FILES]
    assert len({person for _, person, _ in rows}) == len(FILES)
    for name, _, edit in rows:
        if "-edited-" in name:
            region = name.removesuffix(".jpg").partition("-edited-")[2].replace("-", " ")
            assert re.fullmatch(rf"{region} of `[A-Z]\d{{6}}` laid over it", edit)
        else:
            assert edit == "untouched"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_intake_accepts_every_sample(file: Path) -> None:
    facts = inspect(file.read_bytes(), filename=file.name, content_type="image/jpeg")
    assert (facts.format, facts.width, facts.height) == ("JPEG", 225, 275)
