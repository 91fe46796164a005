"""The checks that the sandbox pretends to have made, with values on the right side of the limits. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass

from detection.checks import NEEDS_FACE, CheckCode, CheckName, CheckStatus, Measure
from detection.faces.limits import LIMITS
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.scripts import script_of

NOT_MADE = CheckName.POSE  # the check of which `sandbox-check-failed` says that it could not be made


@dataclass(frozen=True, slots=True)
class PretendedCheck:
    """With the fields of a stored check result."""

    name: str
    status: str
    value: float | None
    limit: float | None
    code: str = ""
    action: str = ""
    measure: str = ""


def sandbox_checks(row: Submission) -> list[PretendedCheck]:
    """One of each `CheckName`; none while the submission waits for its pretended scoring."""
    if row.state == State.RECEIVED:
        return []
    script = script_of(row.external_ref)
    # Reversed, so that the first measure of a check is given, as for a live picture.
    troubled = {
        limit.check: measure for measure, limit in reversed(LIMITS.items()) if limit.code is script.code
    }
    passing = {limit.check: measure for measure, limit in reversed(LIMITS.items())}
    if script.code is CheckCode.CHECK_FAILED:
        return [
            _not_made(name) if name is NOT_MADE else _passed(name, passing.get(name)) for name in CheckName
        ]
    if script.code is CheckCode.NO_FACE:
        return [_without_face(name, passing.get(name)) for name in CheckName]
    return [
        _troubled(troubled[name], is_for_person=script.review_s is not None)
        if name in troubled
        else _passed(name, passing.get(name))
        for name in CheckName
    ]


def _without_face(name: CheckName, measure: Measure | None) -> PretendedCheck:
    """As for a live picture: what needs a face is in doubt, and nothing follows from it."""
    if name in NEEDS_FACE:
        return PretendedCheck(name.value, CheckStatus.DOUBT.value, None, None, CheckCode.NO_FACE.value)
    if name is not CheckName.FACE_FOUND:
        return _passed(name, measure)
    limit = LIMITS[Measure.CONFIDENCE]
    return PretendedCheck(
        name.value,
        CheckStatus.FAIL.value,
        0.0,
        limit.fails,
        CheckCode.NO_FACE.value,
        "resubmit",
        Measure.CONFIDENCE.value,
    )


def _not_made(name: CheckName) -> PretendedCheck:
    return PretendedCheck(
        name.value, CheckStatus.DOUBT.value, None, None, CheckCode.CHECK_FAILED.value, "review"
    )


def _passed(name: CheckName, measure: Measure | None) -> PretendedCheck:
    if measure is None:
        return PretendedCheck(name.value, CheckStatus.PASS.value, None, None)
    limit = LIMITS[measure]
    better = limit.passes + (limit.passes - limit.fails) / 2
    return PretendedCheck(
        name.value,
        CheckStatus.PASS.value,
        round(min(better, limit.passes * 2), 4),
        limit.passes,
        measure=measure.value,
    )


def _troubled(measure: Measure, *, is_for_person: bool) -> PretendedCheck:
    """In the middle between the two limits for a person's eyes, beyond the second one to be sent back."""
    limit = LIMITS[measure]
    between = (limit.passes + limit.fails) / 2
    if is_for_person:
        return PretendedCheck(
            limit.check.value,
            CheckStatus.DOUBT.value,
            round(between, 4),
            limit.passes,
            limit.code.value,
            "review",
            measure.value,
        )
    beyond = max(0.0, limit.fails - (limit.passes - limit.fails) / 2)
    return PretendedCheck(
        limit.check.value,
        CheckStatus.FAIL.value,
        round(beyond, 4),
        limit.fails,
        limit.code.value,
        "resubmit",
        measure.value,
    )
