"""What a candidate's model card says of how it came to be."""

from collections.abc import Mapping
from typing import Any

from detection.bundle import Bundle


def card(version: str, served: Bundle, provenance: Mapping[str, Any]) -> str:
    """Markdown. served: the bundle that it was trained from."""
    rows = "\n".join(f"| {side} | {n['real']} | {n['fake']} |" for side, n in provenance["decisions"].items())
    begun = (
        f"Trained for {provenance['epochs']} epochs from scratch, with the architectures of {served.version},"
    )
    if not provenance["scratch"]:
        begun = f"Fine-tuned for {provenance['epochs']} epochs from {served.version}"
    ways = ", ".join(f"{name} {way}" for name, way in provenance["balance"].items())
    weighed = "All rows have equal weight."
    if weights := provenance["weights"]:
        left = " and ".join(f"{size:g} {name}" for name, size in weights["effective_size"].items())
        weighed = (
            f"Rows counted by one over their chance of being labelled, truncated at {weights['truncated_at']:g} "
            f"({weights['truncated']} were above): the training side tells as much as {left} rows of equal weight."
        )
    return f"""# {version}

{begun} on reviewers' decisions, split by applicant.

| side | real | fake |
|---|---|---|
{rows}

Labels were balanced by: {ways}. {weighed}

The stack and the temperatures were fitted on `stack`, thresholds chosen on `validation`, and `test` was measured once;
the numbers with their intervals are in `manifest.json`. Labels are reviewers' decisions and err as reviewers do; only
flagged submissions have labels, so these people are not a sample of all applicants.
"""
