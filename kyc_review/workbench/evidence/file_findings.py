"""What intake noted about a file's form, in words for the reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.defaultfilters import filesizeformat

from detection.decoding import Damage, TrailingKind
from kyc_review.workbench.evidence.alerts import AlertKind, Finding

if TYPE_CHECKING:
    from detection.decoding import FileFacts
    from kyc_review.submissions.models import Submission

KINDS = {
    TrailingKind.MPF: "further pictures",
    TrailingKind.GAIN_MAP: "HDR gain map",
    TrailingKind.SAMSUNG: "Samsung trailer",
    TrailingKind.MOTION_PHOTO: "motion photo's video",
    TrailingKind.PADDING: "padding",
    TrailingKind.UNKNOWN: "unknown data",
}
DAMAGES = {
    Damage.ENDS_EARLY: "The picture's data end early; the rest is filled in.",
    Damage.MISSING_PIXELS: "The header promises more pixels than there are; the rest is filled in.",
    Damage.CORRUPT_DATA: "A part of the picture's data cannot be decoded, or contradicts the rest.",
    Damage.SEE_THROUGH: "The picture is in its transparency: other programs may show something else.",
}


def file_findings(submission: Submission) -> list[Finding]:
    """Lines about damage, trailing data and a contradicting name; none for an ordinary file."""
    facts: FileFacts = submission.file_facts
    lines = []
    if damage := facts.get("damage"):
        lines.append(Finding("Damage", DAMAGES.get(Damage(damage), damage), AlertKind.DAMAGED))
    if trailing := facts.get("trailing"):
        parts = [
            f"{KINDS.get(TrailingKind(part['kind']), part['kind'])}, {filesizeformat(part['size_bytes'])}"
            for part in trailing
        ]
        is_unknown = any(part["kind"] == TrailingKind.UNKNOWN for part in trailing)
        lines.append(
            Finding("After the picture", "; ".join(parts), AlertKind.UNKNOWN_DATA if is_unknown else None)
        )
    if declared := facts.get("declared"):
        said = ", ".join(
            f".{text}" if name == "extension" else text for name, text in sorted(declared.items())
        )
        lines.append(Finding("Sent as", f"{said}; the file is {submission.format}"))
    return lines
