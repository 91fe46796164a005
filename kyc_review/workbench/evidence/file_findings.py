"""What intake noted about a file's form, in words for the reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, gettext_lazy

from detection.decoding import Damage, TrailingKind
from kyc_review.workbench.evidence.alerts import AlertKind, Finding

if TYPE_CHECKING:
    from detection.decoding import FileFacts
    from kyc_review.submissions.models import Submission

KINDS = {
    TrailingKind.MPF: gettext_lazy("further pictures"),
    TrailingKind.GAIN_MAP: gettext_lazy("HDR gain map"),
    TrailingKind.SAMSUNG: gettext_lazy("Samsung trailer"),
    TrailingKind.MOTION_PHOTO: gettext_lazy("motion photo's video"),
    TrailingKind.PADDING: gettext_lazy("padding"),
    TrailingKind.UNKNOWN: gettext_lazy("unknown data"),
}
DAMAGES = {
    Damage.ENDS_EARLY: gettext_lazy("The picture's data end early; the rest is filled in."),
    Damage.MISSING_PIXELS: gettext_lazy(
        "The header promises more pixels than there are; the rest is filled in."
    ),
    Damage.CORRUPT_DATA: gettext_lazy(
        "A part of the picture's data cannot be decoded, or contradicts the rest."
    ),
    Damage.SEE_THROUGH: gettext_lazy(
        "The picture is in its transparency: other programs may show something else."
    ),
}


def file_findings(submission: Submission) -> list[Finding]:
    """Lines about damage, trailing data and a contradicting name; none for an ordinary file."""
    facts: FileFacts = submission.file_facts
    lines = []
    if damage := facts.get("damage"):
        lines.append(Finding(gettext("Damage"), str(DAMAGES.get(Damage(damage), damage)), AlertKind.DAMAGED))
    if trailing := facts.get("trailing"):
        parts = [
            f"{KINDS.get(TrailingKind(part['kind']), part['kind'])}, {filesizeformat(part['size_bytes'])}"
            for part in trailing
        ]
        is_unknown = any(part["kind"] == TrailingKind.UNKNOWN for part in trailing)
        lines.append(
            Finding(
                gettext("After the picture"), "; ".join(parts), AlertKind.UNKNOWN_DATA if is_unknown else None
            )
        )
    if declared := facts.get("declared"):
        said = ", ".join(
            f".{text}" if name == "extension" else text for name, text in sorted(declared.items())
        )
        lines.append(
            Finding(
                gettext("Sent as"),
                gettext("%(said)s; the file is %(format)s") % {"said": said, "format": submission.format},
            )
        )
    return lines
