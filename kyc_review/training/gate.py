"""What a candidate must show before it may be proposed; pure, over a comparison's report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FAKES_LEAST = 20  # below this a recall says too little
LOAD_FACTOR, LOAD_MORE = 1.2, 0.02  # the review load may grow by so much: a fifth, and two points


@dataclass(frozen=True, slots=True)
class Check:
    """One condition and what was found."""

    name: str
    passed: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def gate(report: Mapping[str, Any], *, shift: float = 0.0) -> list[Check]:
    """The checks at one operating point of the candidate. Raises KeyError when the report lacks that point."""
    held_out = report["holdout"]
    champion, point = held_out["champion"], point_at(held_out["candidate"]["curve"], shift)
    fakes = sum(champion["fake"])
    recall = champion["recall_with_human"]
    limit = min(1.0, champion["false_alarm"]["value"] * LOAD_FACTOR + LOAD_MORE)
    return [
        Check(
            "Enough held-out fakes",
            fakes >= FAKES_LEAST,
            f"{fakes} of at least {FAKES_LEAST}.",
        ),
        Check(
            "Recall not worse",
            point["recall"] >= recall["low"],
            f"{point['recall']:.1%} against {recall['value']:.1%}, whose 95 % interval begins at {recall['low']:.1%}.",
        ),
        Check(
            "Review load within its limit",
            point["false_alarm"] <= limit,
            f"{point['false_alarm']:.1%} of real faces would be flagged; the limit is {limit:.1%} "
            f"({LOAD_FACTOR:g} times the champion's and {LOAD_MORE:.0%} more).",
        ),
    ]


def points_with_gate(report: Mapping[str, Any]) -> list[dict[str, float | bool]]:
    """The candidate's operating points, each with `gate_open`."""
    return [
        point | {"gate_open": all(check.passed for check in gate(report, shift=point["shift"]))}
        for point in report["holdout"]["candidate"]["curve"]
    ]


def point_at(points: list[dict[str, float]], shift: float) -> dict[str, float]:
    """The operating point of this shift. Raises KeyError."""
    for point in points:
        if abs(point["shift"] - shift) < 0.005:
            return point
    raise KeyError(f"no operating point at {shift}")
