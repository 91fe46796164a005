"""A second face of which the border of the picture leaves a half is doubt, and a person alone is not."""

import numpy as np
import pytest
from PIL import Image

from detection.checks import CheckCode, CheckName, CheckStatus, Measure
from detection.faces.at_border import face_cut_by_border
from detection.faces.default import default_detector
from detection.faces.examine import examine
from detection.faces.limits import LIMITS
from detection.faces.picture import Picture
from tests.factories.scenes import SAMPLES, cut_by_border, pasted, sample, wall

LIMIT = LIMITS[Measure.FACE_AT_BORDER]


def score(picture: Image.Image) -> float:
    return face_cut_by_border(Picture(picture), default_detector().find(picture), score_min=LIMIT.passes)


def middle_of_face(image: Image.Image) -> int:
    box = default_detector().find(image)[0].box
    return round((box.left + box.right) / 2)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("number", range(0, len(SAMPLES), 2))
def test_half_a_second_face_at_the_border_is_doubt(number: int, side: str) -> None:
    other = sample((number + 3) % len(SAMPLES))
    middle = middle_of_face(other)
    shown = other.width - middle if side == "left" else middle
    picture = cut_by_border(sample(number), other, side=side, shown=shown)
    (found,) = [check for check in examine(picture).checks if check.name is CheckName.SINGLE_FACE]
    assert (found.status, found.code) == (CheckStatus.DOUBT, CheckCode.SEVERAL_FACES)


def test_most_second_faces_of_which_a_third_is_in_the_picture_are_doubt() -> None:
    """Without stretching the mirrored halves, fewer than half of them were."""
    doubted = []
    for number in range(len(SAMPLES)):
        person, other = sample(number), sample((number + 3) % len(SAMPLES))
        box, scale = default_detector().find(other)[0].box, person.height / other.height
        third = 0.3 * box.width
        for side, shown in (("left", other.width - box.right + third), ("right", box.left + third)):
            picture = cut_by_border(person, other, side=side, shown=round(scale * shown))
            (found,) = [check for check in examine(picture).checks if check.name is CheckName.SINGLE_FACE]
            doubted.append(found.status is CheckStatus.DOUBT)
    assert np.mean(doubted) > 0.55


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_a_person_alone_has_no_face_at_the_border(number: int) -> None:
    image = sample(number)
    for picture in (image, pasted(wall(900, 700), image, 300, (60, 60))):
        assert LIMIT.status(score(picture)) is CheckStatus.PASS


def test_a_face_at_the_border_is_never_failed() -> None:
    assert LIMIT.status(1.0) is CheckStatus.DOUBT


def test_a_face_that_fills_the_picture_leaves_no_room_for_a_second_one() -> None:
    image = sample(0)
    box = default_detector().find(image)[0].box
    tight = image.crop((int(box.left), 0, int(box.right), image.height))
    assert score(tight) == 0.0


def test_a_mirrored_picture_has_the_same_score_at_the_other_border() -> None:
    picture = cut_by_border(sample(2), sample(5), side="right", shown=middle_of_face(sample(5)))
    turned = Image.fromarray(np.asarray(picture)[:, ::-1].copy())
    here, there = score(picture), score(turned)
    assert min(here, there) > LIMIT.passes
    assert abs(here - there) < 0.2
