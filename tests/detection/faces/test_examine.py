"""The checks of a picture: samples of the repository, and pictures without a usable face."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from detection.checks import Check, CheckCode, CheckName, CheckStatus, Measure
from detection.faces.align import aligned_crop
from detection.faces.detector import Face
from detection.faces.examine import PictureReport, examine
from detection.faces.picture import Picture
from tests.factories.scenes import FACELESS, SAMPLES, behind, pasted, sample, wall


@dataclass(frozen=True)
class Tail:
    kind: str


class BrokenDetector:
    def find(self, picture: Image.Image | Picture) -> list[Face]:
        raise RuntimeError("the weights are broken")


def check(report: PictureReport, name: CheckName) -> Check:
    (found,) = [check for check in report.checks if check.name is name]
    return found


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_check_of_a_portrait_passes(number: int) -> None:
    report = examine(sample(number), damage=None, trailing=[])
    assert [c for c in report.checks if c.status is not CheckStatus.PASS] == []
    assert len(report.faces) == 1
    assert report.frame is not None


@pytest.mark.parametrize("name", FACELESS)
def test_nothing_without_a_face_passes(name: str) -> None:
    report = examine(FACELESS[name])
    assert check(report, CheckName.FACE_FOUND).status is not CheckStatus.PASS
    assert {c.name for c in report.checks} == set(CheckName)


@pytest.mark.parametrize("name", sorted(set(FACELESS) - {"smiley"}))
def test_a_picture_without_a_face_fails_and_has_no_frame(name: str) -> None:
    report = examine(FACELESS[name])
    found = check(report, CheckName.FACE_FOUND)
    assert (found.status, found.code) == (CheckStatus.FAIL, CheckCode.NO_FACE)
    assert report.frame is None


@pytest.mark.parametrize(
    "name", ["black", "white", "grey", "linear gradient", "radial gradient", "smallest", "narrow"]
)
def test_a_picture_without_content_is_called_blank(name: str) -> None:
    found = check(examine(FACELESS[name]), CheckName.UNIFORM)
    assert (found.status, found.code) == (CheckStatus.FAIL, CheckCode.BLANK)


@pytest.mark.parametrize("name", ["black", "smallest", "hand over the lens"])
def test_darkness_is_told_where_it_hides_whatever_is_there(name: str) -> None:
    assert check(examine(FACELESS[name]), CheckName.EXPOSURE).code is CheckCode.TOO_DARK


@pytest.mark.parametrize("name", ["white", "grey", "document", "landscape"])
def test_without_a_face_a_lit_picture_is_never_called_too_bright_or_dark(name: str) -> None:
    assert check(examine(FACELESS[name]), CheckName.EXPOSURE).code is CheckCode.NO_FACE


def test_a_dark_page_on_which_something_can_be_read_is_not_called_dark() -> None:
    page = ImageOps.invert(FACELESS["document"])
    assert check(examine(page), CheckName.EXPOSURE).code is CheckCode.NO_FACE


def plain_wall(width: int, height: int) -> Image.Image:
    """One colour, a little lighter below, and the noise of a camera."""
    rows = np.linspace(-8, 8, height)[:, None, None]
    grain = np.random.default_rng(0).normal(0, 2, (height, width, 3))
    return Image.fromarray(np.clip(np.array([170, 172, 168]) + rows + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("number", [0, 2, 4])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.4])
def test_a_face_in_front_of_a_plain_wall_passes_every_check(number: int, share: float) -> None:
    picture = sample(number)
    width = round(share * 1125)
    height = round(width * picture.height / picture.width)
    selfie = pasted(plain_wall(1125, 1375), picture, width, ((1125 - width) // 2, 1375 - height))
    assert [c for c in examine(selfie).checks if c.status is not CheckStatus.PASS] == []


@pytest.mark.parametrize("width", [20, 30, 50, 80])
def test_a_found_face_is_never_blank_however_small(width: int) -> None:
    report = examine(pasted(plain_wall(600, 600), sample(2), width, (270, 270)))
    found = {c.name: c.code for c in report.checks if c.status is not CheckStatus.PASS}
    assert found.keys() - {CheckName.FACE_VISIBLE} == {CheckName.FACE_SIZE}
    assert set(found.values()) == {CheckCode.FACE_TOO_SMALL}


@pytest.mark.parametrize(("share", "status"), [(0.05, CheckStatus.PASS), (0.03, CheckStatus.DOUBT)])
def test_a_face_in_the_dark_is_dark_and_at_most_doubtfully_blank(share: float, status: CheckStatus) -> None:
    report = examine(sample(4).point([round(level * share) for level in range(256)] * 3))
    assert check(report, CheckName.UNIFORM).status is status
    dark = check(report, CheckName.EXPOSURE)
    assert (dark.status, dark.code) == (CheckStatus.FAIL, CheckCode.TOO_DARK)


def status_of(picture: Image.Image, name: CheckName) -> tuple[CheckStatus, CheckCode | None]:
    found = check(examine(picture), name)
    return found.status, found.code


def test_a_blurred_face_fails_and_a_soft_one_is_doubt() -> None:
    picture, eyes = sample(2), 83  # pixels between the eye corners
    for share, status in ((0.04, CheckStatus.DOUBT), (0.06, CheckStatus.FAIL)):
        blurred = picture.filter(ImageFilter.GaussianBlur(share * eyes))
        assert status_of(blurred, CheckName.SHARPNESS) == (status, CheckCode.BLURRED)


@pytest.mark.parametrize(
    ("factor", "status", "code"),
    [
        (1 / 4, CheckStatus.DOUBT, CheckCode.TOO_DARK),
        (1 / 8, CheckStatus.FAIL, CheckCode.TOO_DARK),
        (2.0, CheckStatus.DOUBT, CheckCode.TOO_BRIGHT),
        (3.0, CheckStatus.FAIL, CheckCode.TOO_BRIGHT),
    ],
)
def test_too_little_and_too_much_light(factor: float, status: CheckStatus, code: CheckCode) -> None:
    picture = sample(4).point([min(255, round(level * factor)) for level in range(256)] * 3)
    assert status_of(picture, CheckName.EXPOSURE) == (status, code)


def test_a_face_of_40_pixels_is_too_small_wherever_it_is() -> None:
    picture = pasted(wall(1200, 900), sample(2), 70, (700, 500))
    assert status_of(picture, CheckName.FACE_SIZE) == (CheckStatus.FAIL, CheckCode.FACE_TOO_SMALL)
    assert status_of(picture, CheckName.FACE_FOUND)[0] is CheckStatus.PASS


def test_a_face_cut_off_by_the_border_is_not_complete() -> None:
    picture = sample(2)
    assert status_of(picture, CheckName.FACE_COMPLETE)[0] is CheckStatus.PASS
    half = picture.crop((95, 0, *picture.size))
    report = examine(half)
    if report.frame is not None:
        assert check(report, CheckName.FACE_COMPLETE).code is CheckCode.FACE_CUT_OFF
    assert any(c.status is not CheckStatus.PASS for c in report.checks)


@pytest.mark.parametrize(
    ("turn", "status"),
    [
        (Image.Transpose.ROTATE_180, CheckStatus.FAIL),
        (Image.Transpose.ROTATE_90, CheckStatus.FAIL),
        (Image.Transpose.ROTATE_270, CheckStatus.FAIL),
        (Image.Transpose.FLIP_LEFT_RIGHT, CheckStatus.PASS),
    ],
)
def test_a_sideways_or_upside_down_face_is_not_upright(turn: Image.Transpose, status: CheckStatus) -> None:
    for number in range(6):
        found = check(examine(sample(number).transpose(turn)), CheckName.POSE)
        assert found.status is status
        assert found.code is (CheckCode.NOT_UPRIGHT if status is CheckStatus.FAIL else None)


def test_two_people_fail() -> None:
    both = pasted(pasted(wall(700, 500), sample(2), 300, (20, 100)), sample(4), 280, (380, 120))
    report = examine(both)
    assert len(report.faces) == 2
    assert check(report, CheckName.SINGLE_FACE) == Check(
        CheckName.SINGLE_FACE,
        CheckStatus.FAIL,
        check(report, CheckName.SINGLE_FACE).value,
        0.5,
        CheckCode.SEVERAL_FACES,
        Measure.SECOND_FACE,
    )


@pytest.mark.parametrize(("front", "back"), [(2, 4), (5, 7), (9, 10), (12, 0)])
def test_a_face_of_equal_size_partly_behind_the_first_one_fails(front: int, back: int) -> None:
    """Three fifths of the second face can be seen, and the boxes of the two overlap."""
    report = examine(behind(sample(front), sample(back), 80))
    assert len(report.faces) == 2
    found = check(report, CheckName.SINGLE_FACE)
    assert (found.status, found.code) == (CheckStatus.FAIL, CheckCode.SEVERAL_FACES)


def test_a_second_face_foreshortened_by_a_turn_counts_by_its_length() -> None:
    """Its eyes are less than half as far apart as the first one's, but it is more than half as long."""
    picture, narrow = pasted(wall(700, 500), sample(2), 300, (20, 100)), sample(4)
    picture.paste(narrow.resize((120, round(300 * narrow.height / narrow.width))), (400, 100))
    first, second = (report := examine(picture)).faces
    assert second.landmarks.eye_distance < 0.5 * first.landmarks.eye_distance
    assert check(report, CheckName.SINGLE_FACE).status is CheckStatus.FAIL


def test_a_face_on_a_t_shirt_or_a_card_in_the_hand_is_doubt() -> None:
    """A second face of a fifth to half of the first one's size: a person decides."""
    picture = pasted(wall(900, 1200), sample(2), 600, (150, 60))
    shirt = pasted(picture, sample(4), 260, (320, 840))
    assert status_of(shirt, CheckName.SINGLE_FACE) == (CheckStatus.DOUBT, CheckCode.SEVERAL_FACES)
    card = pasted(picture, sample(5), 190, (690, 900))
    assert status_of(card, CheckName.SINGLE_FACE) == (CheckStatus.DOUBT, CheckCode.SEVERAL_FACES)


def test_a_tiny_face_in_the_background_does_not_matter() -> None:
    picture = pasted(wall(1200, 1200), sample(2), 700, (20, 300))
    assert status_of(pasted(picture, sample(4), 90, (1050, 50)), CheckName.SINGLE_FACE)[0] is CheckStatus.PASS


def test_the_frame_is_that_of_the_largest_face_and_cuts_it_from_any_decoding() -> None:
    both = pasted(pasted(wall(900, 700), sample(4), 150, (20, 20)), sample(2), 420, (400, 150))
    report = examine(both)
    assert report.frame is not None
    assert report.frame.right_eye[0] > 400
    small = aligned_crop(both.resize((450, 350), Image.Resampling.LANCZOS), report.frame, 64)
    assert np.abs(small.astype(int) - aligned_crop(both, report.frame, 64)).mean() < 4


def test_an_error_of_the_detector_is_doubt_and_never_an_absent_face() -> None:
    report = examine(sample(0), damage=None, trailing=[], detector=BrokenDetector())
    found = check(report, CheckName.FACE_FOUND)
    assert (found.status, found.code) == (CheckStatus.DOUBT, CheckCode.CHECK_FAILED)
    assert {c.name for c in report.checks} == set(CheckName)


def test_an_error_of_one_check_is_doubt_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(image: Image.Image) -> float:
        raise MemoryError

    monkeypatch.setattr("detection.faces.measures.content", broken)
    report = examine(sample(0), damage=None, trailing=[])
    assert check(report, CheckName.UNIFORM).code is CheckCode.CHECK_FAILED
    assert check(report, CheckName.FACE_FOUND).status is CheckStatus.PASS


def test_damage_fails_and_unknown_data_behind_the_picture_is_doubt() -> None:
    picture = sample(0)
    damaged = check(examine(picture, damage="ends too early", trailing=[]), CheckName.INTACT)
    assert (damaged.status, damaged.code) == (CheckStatus.FAIL, CheckCode.DAMAGED)
    known = examine(picture, damage=None, trailing=[Tail("gain_map"), Tail("padding")])
    assert check(known, CheckName.INTACT).status is CheckStatus.PASS
    unknown = check(
        examine(picture, damage=None, trailing=[Tail("padding"), Tail("unknown")]), CheckName.INTACT
    )
    assert (unknown.status, unknown.code) == (CheckStatus.DOUBT, CheckCode.TRAILING_DATA)
