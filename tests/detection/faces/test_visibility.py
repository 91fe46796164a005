"""Covered and pixelated faces: the samples pass `face_visible`, and what is laid over them does not."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from detection.checks import Check, CheckCode, CheckName, CheckStatus, Measure
from detection.faces.align import FaceFrame
from detection.faces.default import default_detector
from detection.faces.detector import Face
from detection.faces.examine import examine
from detection.faces.limits import LIMITS
from detection.faces.visibility import FaceVisibility, level_at
from ml.faces.coverings import coverings, dark_glasses, dots, half, mask, mosaic
from tests.factories.scenes import SAMPLES, pasted, sample, wall

# Measured in docs/faces.md: they are seen in a part of the pictures only.
HARDLY_SEEN = (
    "dark glasses that let 40 % through",
    "fingers over the eyes",
    "fingers over the mouth",
    "mosaic of 8 squares over the eyes only, as JPEG",
)
MADE = {name: change for name, change in coverings() if name not in HARDLY_SEEN}


def visible(image: Image.Image) -> Check:
    (found,) = [check for check in examine(image).checks if check.name is CheckName.FACE_VISIBLE]
    return found


def face_of(image: Image.Image) -> Face:
    return default_detector().find(image)[0]


def measures_of(image: Image.Image) -> FaceVisibility:
    face = face_of(image)
    return FaceVisibility(image, face, FaceFrame.of(face, image.size))


@pytest.mark.parametrize("number", range(len(SAMPLES)))
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_an_uncovered_face_is_visible_at_every_size(number: int, scale: float) -> None:
    image = sample(number)
    size = round(image.width * scale), round(image.height * scale)
    assert visible(image.resize(size, Image.Resampling.LANCZOS)).status is CheckStatus.PASS


@pytest.mark.parametrize("name", MADE)
def test_a_covered_or_coarse_face_is_not_cleared(name: str) -> None:
    image = sample(0)
    found = visible(MADE[name](image, face_of(image)))
    assert found.status is not CheckStatus.PASS
    assert found.code in (CheckCode.OCCLUDED, CheckCode.NO_FACE)


@pytest.mark.parametrize("angle", [-20, 20])
def test_dark_glasses_are_seen_on_a_head_that_leans(angle: int) -> None:
    image = sample(1).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    found = visible(dark_glasses(image, face_of(image)))
    assert (found.measure, found.code) == (Measure.EYE_DETAIL, CheckCode.OCCLUDED)


def test_each_measure_answers_to_what_it_is_for() -> None:
    image = sample(2)
    face = face_of(image)
    clean = measures_of(image)
    assert measures_of(mask(image, face)).mouth_detail < clean.mouth_detail / 2
    assert measures_of(dark_glasses(image, face)).eye_detail < clean.eye_detail / 2
    assert FaceVisibility(half(image, face), face, FaceFrame.of(face, image.size)).flat_part > 0.9
    assert measures_of(mosaic(image, face, squares=14)).mosaic > 2 * clean.mosaic
    assert measures_of(dots(image, face)).tones < 0.02 < 0.3 < clean.tones


@pytest.mark.parametrize("number", range(len(SAMPLES)))
@pytest.mark.parametrize("places", [(0.1,), (0.45,), (0.1, 0.9), (0.3, 0.5)])
def test_long_straight_edges_are_no_mosaic(number: int, places: Sequence[float]) -> None:
    """A door frame, the border of a window of a video call: lines from top to bottom through the face's box."""
    image = sample(number)
    face = face_of(image)
    draw = ImageDraw.Draw(image)
    for place in places:
        left = face.box.left + place * face.box.width
        draw.rectangle((left, 0, left + 0.02 * face.box.width, image.height), fill=(10, 10, 10))
    crossed = FaceVisibility(image, face, FaceFrame.of(face, image.size))
    assert LIMITS[Measure.MOSAIC].status(crossed.mosaic) is CheckStatus.PASS


@pytest.mark.parametrize("number", range(len(SAMPLES)))
@pytest.mark.parametrize("squares", [10, 14, 20])
def test_a_mosaic_fails_on_every_sample(number: int, squares: int) -> None:
    image = sample(number)
    face = face_of(image)
    coarse = mosaic(image, face, squares=squares)
    measured = FaceVisibility(coarse, face, FaceFrame.of(face, image.size))
    assert LIMITS[Measure.MOSAIC].status(measured.mosaic) is CheckStatus.FAIL


def test_a_dark_face_with_few_levels_is_dark_and_not_pixelated() -> None:
    dark = sample(0).point([level // 4 for level in range(256)] * 3)
    assert measures_of(dark).tones > 0.3


def test_a_small_face_at_the_border_can_be_measured() -> None:
    image = pasted(wall(400, 500), sample(0), 200, (-40, 0))
    assert visible(image).code is not CheckCode.CHECK_FAILED


def test_whether_a_face_too_small_for_any_detail_is_covered_is_not_known() -> None:
    found = visible(pasted(wall(400, 500), sample(0), 60, (100, 100)))
    assert (found.status, found.code, found.value) == (CheckStatus.DOUBT, CheckCode.FACE_TOO_SMALL, None)


@pytest.mark.parametrize("number", range(len(SAMPLES)))
@pytest.mark.parametrize("percent", [5, 6, 8])
def test_a_blurred_face_is_not_called_covered(number: int, percent: int) -> None:
    image = sample(number)
    eyes = face_of(image).landmarks.eye_distance
    blurred = image.filter(ImageFilter.GaussianBlur(percent / 100 * eyes))
    checks = {check.name: check for check in examine(blurred).checks}
    assert checks[CheckName.SHARPNESS].code is CheckCode.BLURRED
    assert checks[CheckName.FACE_VISIBLE].status is not CheckStatus.FAIL
    assert checks[CheckName.FACE_VISIBLE].code in (None, CheckCode.BLURRED)


def test_a_bar_over_the_eyes_of_a_blurred_face_is_seen() -> None:
    image = sample(0)
    face = face_of(image)
    soft = image.filter(ImageFilter.GaussianBlur(0.06 * face.landmarks.eye_distance))
    found = visible(MADE["black bar over the eyes"](soft, face))
    assert (found.status, found.code) == (CheckStatus.FAIL, CheckCode.OCCLUDED)


def test_a_flat_face_has_no_detail_and_divides_by_nothing() -> None:
    image = sample(0)
    face = face_of(image)
    flat = Image.new("RGB", image.size, (90, 90, 90))
    measured = FaceVisibility(flat, face, FaceFrame.of(face, image.size))
    assert measured.flat_part == 1.0
    assert measured.eye_detail == measured.mouth_detail == measured.mosaic == 0.0
    assert np.isfinite(measured.tones)


@pytest.mark.parametrize("pixels", [4, 37, 20_000])
@pytest.mark.parametrize("percentile", [0, 1, 50, 99, 100])
def test_a_percentile_of_counted_levels_is_that_of_the_single_pixels(pixels: int, percentile: float) -> None:
    levels = np.random.default_rng(pixels).normal(128, 40, pixels).clip(0, 255).astype(np.uint8)
    counts = np.bincount(levels, minlength=256)
    assert level_at(counts, percentile) == pytest.approx(np.percentile(levels, percentile))
