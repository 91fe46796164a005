"""The sandbox's documented answers (docs/api.md): an external_ref decides what becomes of a test submission."""

from dataclasses import dataclass

from kyc_review.submissions.models import Result, ResultReason


@dataclass(frozen=True, slots=True)
class Script:
    """Without `review_s` the models decide; else a pretended reviewer does, after so many seconds."""

    result: Result
    reason: str
    review_s: int | None = None


CLEAR = Script(Result.CLEAR, ResultReason.MODELS_AGREE)
SCRIPTS = {
    "sandbox-clear": CLEAR,
    "sandbox-unanimous-fake": Script(Result.REJECTED, ResultReason.REVIEWER_FOUND_FORGED, 2),
    "sandbox-split": Script(Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE, 2),
    "sandbox-slow-review": Script(Result.CLEAR, ResultReason.REVIEWER_FOUND_GENUINE, 60),
    "sandbox-unscorable": Script(Result.RESUBMIT, "blurred", 2),
}


def script_of(external_ref: str) -> Script:
    """The script that the reference begins with (`sandbox-split-42` is a split); any other is cleared."""
    for name, script in SCRIPTS.items():
        if begins_with(name, external_ref):
            return script
    return CLEAR


def webhook_fails(external_ref: str, *, attempts_made: int) -> bool:
    """Whether the sandbox pretends that an attempt to deliver a webhook failed: the first one, for one script."""
    return begins_with("sandbox-failed-webhook", external_ref) and attempts_made == 0


def begins_with(name: str, external_ref: str) -> bool:
    return external_ref == name or external_ref.startswith(f"{name}-")
