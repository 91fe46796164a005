"""Checks in words, for people: every page says the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detection.checks import CheckCode, CheckName, CheckStatus
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

NAMES = {
    CheckName.INTACT: "File",
    CheckName.UNIFORM: "Content",
    CheckName.FACE_FOUND: "Face",
    CheckName.SINGLE_FACE: "One face",
    CheckName.FACE_SIZE: "Face size",
    CheckName.FACE_COMPLETE: "Whole face",
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
    CheckCode.TURNED_AWAY: "the face is turned away",
    CheckCode.NOT_UPRIGHT: "the face is not upright",
    CheckCode.BLURRED: "the face is blurred",
    CheckCode.TOO_DARK: "the face is dark",
    CheckCode.TOO_BRIGHT: "the face is too bright",
    CheckCode.CHECK_FAILED: "the check could not be made",
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
    action: str


def check_lines(rows: Iterable[CheckResult]) -> list[CheckLine]:
    """In the order of `CheckName`."""
    by_name = {row.name: row for row in rows}
    return [_line(by_name[name.value]) for name in CheckName if name.value in by_name]


def troubles(rows: Iterable[CheckResult]) -> list[CheckLine]:
    """Only what did not pass. What could not be measured for a reason that an earlier line gives has no line."""
    found: list[CheckLine] = []
    for line in check_lines(row for row in rows if row.status != CheckStatus.PASS.value):
        if line.value is not None or line.words not in {said.words for said in found}:
            found.append(line)
    return found


def _line(row: CheckResult) -> CheckLine:
    return CheckLine(
        name=NAMES[CheckName(row.name)],
        status=row.status,
        status_words=STATUSES[CheckStatus(row.status)],
        words=CODES[CheckCode(row.code)] if row.code else "",
        value=row.value,
        limit=row.limit,
        action=ACTIONS[Action(row.action)] if row.action else "",
    )
