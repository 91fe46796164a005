"""Checks in words, for people: every page says the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detection.checks import UNITS, CheckCode, CheckName, CheckStatus, Measure, Unit
from detection.faces.limits import LIMITS
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

NAMES = {
    CheckName.INTACT: "File",
    CheckName.UNIFORM: "Content",
    CheckName.FACE_FOUND: "Face",
    CheckName.SINGLE_FACE: "One face",
    CheckName.FACE_SIZE: "Face size",
    CheckName.FACE_COMPLETE: "Whole face",
    CheckName.FACE_VISIBLE: "Visible face",
    CheckName.POSE: "Pose",
    CheckName.SHARPNESS: "Sharpness",
    CheckName.EXPOSURE: "Light",
}
CODES = {
    CheckCode.DAMAGED: "the file is damaged",
    CheckCode.TRAILING_DATA: "unknown data follows the picture",
    CheckCode.BLANK: "the picture shows nothing",
    CheckCode.NO_FACE: "no face was found",
    CheckCode.SEVERAL_FACES: "more than one face was found",
    CheckCode.FACE_TOO_SMALL: "the face is small",
    CheckCode.FACE_CUT_OFF: "the face is cut off",
    CheckCode.OCCLUDED: "the face is covered or pixelated",
    CheckCode.TURNED_AWAY: "the face is turned away",
    CheckCode.NOT_UPRIGHT: "the face is not upright",
    CheckCode.BLURRED: "the face is blurred",
    CheckCode.TOO_DARK: "the face is dark",
    CheckCode.TOO_BRIGHT: "the face is too bright",
    CheckCode.CHECK_FAILED: "the check could not be made",
}
# Where a check only doubts, its words do not claim what may not be so.
DOUBTS = {
    CheckCode.BLANK: "the picture shows almost nothing",
    CheckCode.NO_FACE: "perhaps no face",
    CheckCode.SEVERAL_FACES: "perhaps more than one face",
}
MEASURES = {
    Measure.CONTENT: "contrast",
    Measure.CONFIDENCE: "certainty",
    Measure.SECOND_FACE: "second face, relative to the first",
    Measure.FACE_AT_BORDER: "certainty of a second face cut by the border",
    Measure.EYE_DISTANCE: "distance of the eyes",
    Measure.INSIDE: "outline inside the picture",
    Measure.FLAT_PART: "flattest part of the face, equal pixels",
    Measure.EYE_DETAIL: "detail of the eyes",
    Measure.MOUTH_DETAIL: "detail of the mouth",
    Measure.TONES: "evenness of the tones",
    Measure.MOSAIC: "regularity of the steps",
    Measure.YAW: "turned sideways by",
    Measure.PITCH: "turned up or down by",
    Measure.ROLL: "leaning by",
    Measure.SHARPNESS: "fine detail",
    Measure.LIGHT: "brightness",
    Measure.WASHED_OUT: "overexposed part of the face",
}
STATUSES = {CheckStatus.PASS: "passed", CheckStatus.DOUBT: "doubtful", CheckStatus.FAIL: "failed"}
ACTIONS = {
    Action.RESUBMIT: "sent back to the applicant",
    Action.REVIEW: "given to a person",
    Action.IGNORE: "ignored by the bank's policy",
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check as a page shows it."""

    name: str
    status: str
    status_words: str
    words: str
    value: float | None
    limit: float | None
    measured: str
    action: str
    code: str

    @property
    def has_failed(self) -> bool:
        """Whether it failed and the bank's policy does not ignore it."""
        return self.status == CheckStatus.FAIL.value and self.action != ACTIONS[Action.IGNORE]


def check_lines(rows: Iterable[CheckResult]) -> list[CheckLine]:
    """In the order of `CheckName`."""
    by_name = {row.name: row for row in rows}
    return [_line(by_name[name.value]) for name in CheckName if name.value in by_name]


def troubles(rows: Iterable[CheckResult]) -> list[CheckLine]:
    """Lines of the checks that did not pass. One that could not be measured for a reason given before has no line."""
    found: list[CheckLine] = []
    for line in check_lines(row for row in rows if row.status != CheckStatus.PASS.value):
        if line.value is not None or line.code not in {said.code for said in found}:
            found.append(line)
    return found


def _line(row: CheckResult) -> CheckLine:
    return CheckLine(
        name=NAMES[CheckName(row.name)],
        status=row.status,
        status_words=STATUSES[CheckStatus(row.status)],
        words=_words(row),
        value=row.value,
        limit=row.limit,
        measured=_measured(row),
        action=ACTIONS[Action(row.action)] if row.action else "",
        code=row.code,
    )


def _words(row: CheckResult) -> str:
    if not row.code:
        return ""
    code = CheckCode(row.code)
    return DOUBTS.get(code, CODES[code]) if row.status == CheckStatus.DOUBT.value else CODES[code]


def _measured(row: CheckResult) -> str:
    """Such as `leaning by 168.5°, at most 70°`; empty where nothing was measured."""
    if row.value is None or row.limit is None:
        return ""
    if not row.measure:  # stored before the measure was
        return f"{row.value:.4g}, limit {row.limit:.4g}"
    measure = Measure(row.measure)
    bound = "at most" if LIMITS[measure].is_low_better else "at least"
    unit = UNITS[measure]
    return f"{MEASURES[measure]} {_quantity(row.value, unit)}, {bound} {_quantity(row.limit, unit)}"


def _quantity(value: float, unit: Unit) -> str:
    """Rounded to a tenth, so that a value that just missed its limit rarely looks equal to it."""
    number = round(value * 100 if unit is Unit.SHARE else value, 1)
    text = f"{number:.1f}".removesuffix(".0")
    match unit:
        case Unit.SHARE:
            return f"{text} %"
        case Unit.DEGREES:
            return f"{text}°"
        case Unit.PIXELS:
            return f"{text} px"
        case Unit.RATIO:
            return f"{value:.2f}"
    return f"{text} of 255"
