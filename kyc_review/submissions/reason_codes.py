"""Every code that tells an integration why: of results and of checks, in one table for docs, OpenAPI and answers.

`text` is for the integrator. `applicant_text` may be shown to the applicant as it is: it says what to do, and never
what raised a suspicion. Codes may be added; an existing one never changes its meaning.
"""

import textwrap
from dataclasses import dataclass

from detection.checks import CheckCode
from kyc_review.submissions.models import ResubmitReason, Result, ResultReason

ACCEPTED = "Your picture was accepted."
NOT_ACCEPTED = "Your picture could not be accepted. Please contact us."


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """`result` is None for a code that only a check has: then people decide."""

    code: str
    result: Result | None
    text: str
    applicant_text: str

    @property
    def is_retry(self) -> bool:
        """Whether the applicant should send another picture; otherwise the result is final."""
        return self.result is Result.RESUBMIT


def _resubmit(reason: ResubmitReason, text: str) -> ReasonCode:
    return ReasonCode(reason.value, Result.RESUBMIT, text, str(reason.label))


CODES = (
    ReasonCode(
        ResultReason.MODELS_AGREE.value,
        Result.CLEAR,
        "All models found the picture genuine. Every check passed, too, or is ignored by the bank.",
        ACCEPTED,
    ),
    ReasonCode(
        ResultReason.REVIEWER_FOUND_GENUINE.value,
        Result.CLEAR,
        "A reviewer found the picture genuine.",
        ACCEPTED,
    ),
    ReasonCode(
        ResultReason.REVIEWER_FOUND_FORGED.value,
        Result.REJECTED,
        "A reviewer found the picture manipulated. Do not tell the applicant why.",
        NOT_ACCEPTED,
    ),
    _resubmit(ResubmitReason.BLANK, "The picture shows nothing, such as a white wall or a covered lens."),
    _resubmit(ResubmitReason.NO_FACE, "No face was found."),
    _resubmit(ResubmitReason.SEVERAL_FACES, "More than one face was found."),
    _resubmit(ResubmitReason.FACE_TOO_SMALL, "The face has too few pixels to be judged."),
    _resubmit(ResubmitReason.FACE_CUT_OFF, "A part of the face lies outside of the picture."),
    _resubmit(ResubmitReason.TURNED_AWAY, "The head is turned or tilted too far."),
    _resubmit(ResubmitReason.NOT_UPRIGHT, "The face lies on its side or is upside down."),
    _resubmit(ResubmitReason.OCCLUDED, "A part of the face is covered, or the face is pixelated."),
    _resubmit(ResubmitReason.BLURRED, "The face is blurred."),
    _resubmit(ResubmitReason.TOO_DARK, "The face, or without one the whole picture, is too dark."),
    _resubmit(ResubmitReason.TOO_BRIGHT, "The face, or without one the whole picture, is too bright."),
    _resubmit(ResubmitReason.SCREEN_PHOTO, "The picture was taken of a screen; only people say so."),
    _resubmit(ResubmitReason.DAMAGED, "A part of the file is damaged."),
    _resubmit(ResubmitReason.TRAILING_DATA, "Unknown data follows the picture in the file."),
    _resubmit(ResubmitReason.OTHER, "A reviewer could not judge the picture for another reason."),
    ReasonCode(
        CheckCode.CHECK_FAILED.value, None, "The check could not be made; a person looks at the picture.", ""
    ),
)
BY_CODE = {entry.code: entry for entry in CODES}


def listed() -> str:
    """The list in docs/api.md, as Markdown with lines of at most 118 characters."""
    lines = []
    for entry in CODES:
        result = (
            f"`{entry.result.value}`, {'retry' if entry.is_retry else 'final'}"
            if entry.result
            else "a check's"
        )
        applicant = f" *{entry.applicant_text}*" if entry.applicant_text else ""
        text = f"- `{entry.code}` ({result}): {entry.text}{applicant}"
        lines += textwrap.wrap(text, 118, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)
