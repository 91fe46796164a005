"""The checks of a picture: samples of the repository, and pictures without a usable face."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from detection.checks import Check, CheckCode, CheckName, CheckStatus, all_pass
from detection.faces.detector import Face
from detection.faces.examine import PictureReport, examine

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("*.jpg"))


@dataclass(frozen=True)
class Tail:
    kind: str


class BrokenDetector:
    def find(self, image: Image.Image) -> list[Face]:
        raise RuntimeError("the weights are broken")


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def check(report: PictureReport, name: CheckName) -> Check:
    (found,) = [check for check in report.checks if check.name is name]
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_check_of_a_portrait_passes(path: Path) -> None:
    report = examine(opened(path), damage=None, trailing=[])
    assert [c for c in report.checks if c.status is not CheckStatus.PASS] == []
    assert all_pass(report.checks)
    assert len(report.faces) == 1
    assert report.frame is not None


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (600, 600), "black"),
        Image.new("RGB", (600, 600), "white"),
        Image.new("RGB", (600, 600), (120, 130, 140)),
        Image.linear_gradient("L").convert("RGB"),
        Image.radial_gradient("L").convert("RGB"),
        Image.new("RGB", (32, 32)),
    ],
    ids=["black", "white", "grey", "linear", "radial", "tiny"],
)
def test_a_picture_without_content_fails(picture: Image.Image) -> None:
    report = examine(picture, damage=None, trailing=[])
    assert report.frame is None
    assert check(report, CheckName.FACE_FOUND).code is CheckCode.NO_FACE
    assert check(report, CheckName.UNIFORM).code is CheckCode.BLANK
    assert {c.name for c in report.checks} == set(CheckName)
    assert not all_pass(report.checks)


def test_an_error_of_the_detector_is_doubt_and_never_an_absent_face() -> None:
    report = examine(opened(SAMPLES[0]), damage=None, trailing=[], detector=BrokenDetector())
    found = check(report, CheckName.FACE_FOUND)
    assert (found.status, found.code) == (CheckStatus.DOUBT, CheckCode.CHECK_FAILED)
    assert {c.name for c in report.checks} == set(CheckName)
    assert not all_pass(report.checks)


def test_an_error_of_one_check_is_doubt_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(image: Image.Image) -> float:
        raise MemoryError

    monkeypatch.setattr("detection.faces.measures.content", broken)
    report = examine(opened(SAMPLES[0]), damage=None, trailing=[])
    assert check(report, CheckName.UNIFORM).code is CheckCode.CHECK_FAILED
    assert check(report, CheckName.FACE_FOUND).status is CheckStatus.PASS
    assert not all_pass(report.checks)


def test_damage_fails_and_unknown_data_behind_the_picture_is_doubt() -> None:
    picture = opened(SAMPLES[0])
    damaged = check(examine(picture, damage="ends too early", trailing=[]), CheckName.INTACT)
    assert (damaged.status, damaged.code) == (CheckStatus.FAIL, CheckCode.DAMAGED)
    known = examine(picture, damage=None, trailing=[Tail("gain_map"), Tail("padding")])
    assert check(known, CheckName.INTACT).status is CheckStatus.PASS
    unknown = check(
        examine(picture, damage=None, trailing=[Tail("padding"), Tail("unknown")]), CheckName.INTACT
    )
    assert (unknown.status, unknown.code) == (CheckStatus.DOUBT, CheckCode.TRAILING_DATA)
