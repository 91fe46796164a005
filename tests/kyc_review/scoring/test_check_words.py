"""Checks in words: what was measured, in its unit and with the direction of its limit."""

import pytest

from detection.checks import UNITS, CheckStatus, Measure
from detection.faces.limits import LIMITS
from kyc_review.scoring.check_words import MEASURES, check_lines
from kyc_review.scoring.models import CheckResult


def measured(measure: Measure | str, value: float | None, limit: float | None) -> str:
    row = CheckResult(
        name="pose",
        status=CheckStatus.PASS.value,
        code="",
        action="",
        measure=measure,
        value=value,
        limit=limit,
    )
    return check_lines([row])[0].measured


@pytest.mark.parametrize(
    ("measure", "value", "told"),
    [
        (Measure.ROLL, 168.5, "leaning by 168.5°, at most 70°"),
        (Measure.EYE_DISTANCE, 29.13, "distance of the eyes 29.1 px, at least 30 px"),
        (Measure.INSIDE, 0.6389, "outline inside the picture 63.9 %, at least 70 %"),
        (Measure.SHARPNESS, 0.05, "fine detail 5 %, at least 12.5 %"),
        (Measure.LIGHT, 7.0, "brightness 7 of 255, at least 30 of 255"),
        (Measure.WASHED_OUT, 0.9, "overexposed part of the face 90 %, at most 50 %"),
    ],
)
def test_a_value_is_told_with_its_unit_and_its_bound(measure: Measure, value: float, told: str) -> None:
    assert measured(measure, value, LIMITS[measure].fails) == told


def test_what_was_not_measured_says_nothing_and_an_older_row_has_no_unit() -> None:
    assert measured("", None, None) == ""
    assert measured("", 168.5, 70.0) == "168.5, limit 70"


def test_every_measure_has_words_a_unit_and_limits() -> None:
    assert set(MEASURES) == set(UNITS) == set(LIMITS) == set(Measure)
