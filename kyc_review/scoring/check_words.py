"""Checks in words, for people: every page says the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy

from detection.checks import UNITS, CheckCode, CheckName, CheckStatus, Measure, Unit
from detection.faces.limits import LIMITS
from kyc_review.core.numbers import number
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

NAMES = {
    CheckName.INTACT: gettext_lazy("File"),
    CheckName.UNIFORM: gettext_lazy("Content"),
    CheckName.FACE_FOUND: gettext_lazy("Face"),
    CheckName.SINGLE_FACE: gettext_lazy("One face"),
    CheckName.FACE_SIZE: gettext_lazy("Face size"),
    CheckName.FACE_COMPLETE: gettext_lazy("Whole face"),
    CheckName.FACE_VISIBLE: gettext_lazy("Visible face"),
    CheckName.POSE: gettext_lazy("Pose"),
    CheckName.SHARPNESS: gettext_lazy("Sharpness"),
    CheckName.EXPOSURE: gettext_lazy("Light"),
}
CODES = {
    CheckCode.DAMAGED: gettext_lazy("the file is damaged"),
    CheckCode.TRAILING_DATA: gettext_lazy("unknown data follows the picture"),
    CheckCode.BLANK: gettext_lazy("the picture shows nothing"),
    CheckCode.NO_FACE: gettext_lazy("no face was found"),
    CheckCode.SEVERAL_FACES: gettext_lazy("more than one face was found"),
    CheckCode.FACE_TOO_SMALL: gettext_lazy("the face is small"),
    CheckCode.FACE_CUT_OFF: gettext_lazy("the face is cut off"),
    CheckCode.OCCLUDED: gettext_lazy("the face is covered or pixelated"),
    CheckCode.TURNED_AWAY: gettext_lazy("the face is turned away"),
    CheckCode.NOT_UPRIGHT: gettext_lazy("the face is not upright"),
    CheckCode.BLURRED: gettext_lazy("the face is blurred"),
    CheckCode.TOO_DARK: gettext_lazy("the face is dark"),
    CheckCode.TOO_BRIGHT: gettext_lazy("the face is too bright"),
    CheckCode.CHECK_FAILED: gettext_lazy("the check could not be made"),
}
# Where a check only doubts, its words do not claim what may not be so.
DOUBTS = {
    CheckCode.BLANK: gettext_lazy("the picture shows almost nothing"),
    CheckCode.NO_FACE: gettext_lazy("perhaps no face"),
    CheckCode.SEVERAL_FACES: gettext_lazy("perhaps more than one face"),
}
MEASURES = {
    Measure.CONTENT: gettext_lazy("contrast"),
    Measure.CONFIDENCE: gettext_lazy("certainty"),
    Measure.SECOND_FACE: gettext_lazy("second face, relative to the first"),
    Measure.FACE_AT_BORDER: gettext_lazy("certainty of a second face cut by the border"),
    Measure.EYE_DISTANCE: gettext_lazy("distance of the eyes"),
    Measure.INSIDE: gettext_lazy("outline inside the picture"),
    Measure.FLAT_PART: gettext_lazy("flattest part of the face, equal pixels"),
    Measure.EYE_DETAIL: gettext_lazy("detail of the eyes"),
    Measure.MOUTH_DETAIL: gettext_lazy("detail of the mouth"),
    Measure.TONES: gettext_lazy("evenness of the tones"),
    Measure.MOSAIC: gettext_lazy("regularity of the steps"),
    Measure.YAW: gettext_lazy("turned sideways by"),
    Measure.PITCH: gettext_lazy("turned up or down by"),
    Measure.ROLL: gettext_lazy("leaning by"),
    Measure.SHARPNESS: gettext_lazy("fine detail"),
    Measure.LIGHT: gettext_lazy("brightness"),
    Measure.WASHED_OUT: gettext_lazy("overexposed part of the face"),
}
STATUSES = {
    CheckStatus.PASS: gettext_lazy("passed"),
    CheckStatus.DOUBT: gettext_lazy("doubtful"),
    CheckStatus.FAIL: gettext_lazy("failed"),
}
ACTIONS = {
    Action.RESUBMIT: gettext_lazy("sent back to the applicant"),
    Action.REVIEW: gettext_lazy("given to a person"),
    Action.IGNORE: gettext_lazy("ignored by the bank's policy"),
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
        name=str(NAMES[CheckName(row.name)]),
        status=row.status,
        status_words=str(STATUSES[CheckStatus(row.status)]),
        words=_words(row),
        value=row.value,
        limit=row.limit,
        measured=_measured(row),
        action=str(ACTIONS[Action(row.action)]) if row.action else "",
        code=row.code,
    )


def _words(row: CheckResult) -> str:
    if not row.code:
        return ""
    code = CheckCode(row.code)
    return str(DOUBTS.get(code, CODES[code]) if row.status == CheckStatus.DOUBT.value else CODES[code])


def _measured(row: CheckResult) -> str:
    """Such as `leaning by 168.5°, at most 70°`; empty where nothing was measured."""
    if row.value is None or row.limit is None:
        return ""
    if not row.measure:  # stored before the measure was
        return gettext("%(value)s, limit %(limit)s") % {
            "value": number(row.value, ".4g"),
            "limit": number(row.limit, ".4g"),
        }
    measure = Measure(row.measure)
    if LIMITS[measure].is_low_better:
        text = gettext("%(measure)s %(value)s, at most %(limit)s")
    else:
        text = gettext("%(measure)s %(value)s, at least %(limit)s")
    unit = UNITS[measure]
    return text % {
        "measure": MEASURES[measure],
        "value": _quantity(row.value, unit),
        "limit": _quantity(row.limit, unit),
    }


def _quantity(value: float, unit: Unit) -> str:
    """Rounded to a tenth, so that a value that just missed its limit rarely looks equal to it."""
    rounded = round(value * 100 if unit is Unit.SHARE else value, 1)
    text = number_format(rounded, 0 if rounded == int(rounded) else 1)
    match unit:
        case Unit.SHARE:
            return f"{text} %"
        case Unit.DEGREES:
            return f"{text}°"
        case Unit.PIXELS:
            return f"{text} px"
        case Unit.RATIO:
            return number_format(value, 2)
    return gettext("%(number)s of 255") % {"number": text}
