"""The sandbox's documented answers (docs/api.md): an external_ref decides what becomes of a test submission."""

from dataclasses import dataclass

from detection.checks import CheckCode
from detection.faces.limits import LIMITS
from kyc_review.core.sandbox import names_script
from kyc_review.submissions.models import CORRECTED_IN_SANDBOX, ResubmitReason, Result, ResultReason


@dataclass(frozen=True, slots=True)
class Script:
    """Without `review_s` checks and models decide; else a simulated reviewer does, after `review_s` seconds.

    `code`: of the check that is pretended not to pass, for a resubmission at once or for a person's eyes. `corrected`:
    the result that replaces the first one, after `CORRECTED_AFTER_S`.
    """

    result: Result
    reason: str
    review_s: int | None = None
    code: CheckCode | None = None
    corrected: tuple[Result, str] | None = None


CORRECTED_AFTER_S = 2
OVERTURNED = CORRECTED_IN_SANDBOX
CLEAR = Script(Result.CLEAR, ResultReason.MODELS_AGREE)
SCRIPTS = {
    "sandbox-clear": CLEAR,
    "sandbox-unanimous-fake": Script(Result.REJECTED, ResultReason.REVIEWER_FOUND_FORGED, 2),
    "sandbox-split": Script(Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE, 2),
    "sandbox-slow-review": Script(Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE, 60),
    "sandbox-unscorable": Script(Result.RESUBMIT, ResubmitReason.BLURRED, 2),
    "sandbox-no-face": Script(Result.RESUBMIT, ResubmitReason.NO_FACE, code=CheckCode.NO_FACE),
    "sandbox-several-faces": Script(
        Result.RESUBMIT, ResubmitReason.SEVERAL_FACES, code=CheckCode.SEVERAL_FACES
    ),
    "sandbox-too-dark": Script(Result.RESUBMIT, ResubmitReason.TOO_DARK, code=CheckCode.TOO_DARK),
    OVERTURNED: Script(
        Result.CLEAR,
        ResultReason.MODELS_AGREE,
        corrected=(Result.REJECTED, ResultReason.REVIEWER_FOUND_FORGED),
    ),
    f"{OVERTURNED}-to-clear": Script(
        Result.REJECTED,
        ResultReason.REVIEWER_FOUND_FORGED,
        2,
        corrected=(Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE),
    ),
    "sandbox-check-failed": Script(
        Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE, 2, code=CheckCode.CHECK_FAILED
    ),
    "sandbox-doubt": Script(Result.RESUBMIT, ResubmitReason.FACE_CUT_OFF, 2, code=CheckCode.FACE_CUT_OFF),
}
THROTTLED, UNAVAILABLE = "sandbox-throttled", "sandbox-unavailable"


def _resubmission(reason: ResubmitReason) -> Script:
    """At once by a check that measures it, else by a person after two seconds."""
    measured = {limit.code for limit in LIMITS.values()}
    code = next((code for code in measured if code is not None and code.value == reason.value), None)
    return Script(Result.RESUBMIT, reason, None if code else 2, code)


SCRIPTS |= {
    f"sandbox-resubmit-{reason.value.replace('_', '-')}": _resubmission(reason) for reason in ResubmitReason
}
# `sandbox-failed-webhook` is cleared like any other reference (webhooks.sandbox); the last two are refused.
ALL_SCRIPTS = (*SCRIPTS, "sandbox-failed-webhook", THROTTLED, UNAVAILABLE)


def is_unknown_script(external_ref: str) -> bool:
    """Whether a reference looks like a script's and is none: a typing error must not be cleared as if it were one."""
    looks_alike = external_ref.lower().replace("_", "-").startswith("sandbox-")
    return looks_alike and not any(names_script(external_ref, name) for name in ALL_SCRIPTS)


def script_of(external_ref: str) -> Script:
    """The script with the longest name that the reference begins with (`sandbox-split-42` is a split).

    Any other reference is cleared.
    """
    named = [name for name in SCRIPTS if names_script(external_ref, name)]
    return SCRIPTS[max(named, key=len)] if named else CLEAR
