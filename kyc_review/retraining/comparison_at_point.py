"""A comparison's report with the candidate's figures at one operating point in the places of those as trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from estimation.intervals import wilson
from kyc_review.training.gate import point_at

ENDS = ("value", "low", "high")
CHANGES, GROUPS, REPLAY_GROUPS = "changes", "groups", "replay_groups"


@dataclass(frozen=True, slots=True)
class ReportAt:
    """report: as `ml.comparison.compare` wrote it, with the candidate at the chosen point; as_trained: the parts
    (CHANGES, GROUPS, REPLAY_GROUPS) of an older report that has them for the trained thresholds only."""

    report: dict[str, Any]
    as_trained: frozenset[str] = field(default=frozenset())


def report_at(report: Mapping[str, Any], shift: float) -> ReportAt:
    """The report at one of its points. Groups have the intervals that the gate looks at, at every point.

    Raises KeyError when the report lacks that point.
    """
    held_out, replay = dict(report["holdout"]), dict(report["replay"])
    curve = held_out["candidate"]["curve"]
    number = curve.index(point_at(curve, shift))
    left: set[str] = set()
    if not _groups_at(held_out, number):
        left.add(GROUPS)
    if not _replay_groups_at(replay, number):
        left.add(REPLAY_GROUPS)
    if abs(shift) >= 0.005:
        _rates_at(held_out, shift)
        knows_held_out, knows_replay = _changes_at(held_out, shift), _replay_at(replay, number)
        if not (knows_held_out and knows_replay):
            left.add(CHANGES)
            held_out["changed"], replay = (
                report["holdout"]["changed"],
                _with_changes(replay, report["replay"]),
            )
    else:
        left.clear()
    return ReportAt(dict(report) | {"holdout": held_out, "replay": replay}, frozenset(left))


def _rates_at(held_out: dict[str, Any], shift: float) -> None:
    """Weighted rates with their intervals; unweighted ones with Wilson's, and no difference on the same faces."""
    candidate = dict(held_out["candidate"])
    point = point_at(candidate["curve"], shift)
    for name, source in (("recall_with_human", "recall"), ("false_alarm", "false_alarm")):
        candidate[name] = _wilson(point[source], candidate[name]["n"])
    candidate.pop("recall_unanimous")
    held_out |= {"candidate": candidate, "difference": {}}
    if "weighted" not in held_out:
        return
    weighted = dict(held_out["weighted"])
    there = point_at(weighted["points"], shift)
    recall = there["recall"]
    missed = {"value": 1 - recall["value"], "low": 1 - recall["high"], "high": 1 - recall["low"]}
    weighted["candidate"] = {"recall": recall, "miss_rate": missed, "false_alarm": there["false_alarm"]}
    weighted["difference"] = {
        "recall": there["recall_difference"],
        "false_alarm": there.get("false_alarm_difference"),
    }
    held_out["weighted"] = weighted


def _changes_at(held_out: dict[str, Any], shift: float) -> bool:
    """Numbers only: which submissions they are was kept for the thresholds as trained."""
    if "changed_points" not in held_out:
        return False
    found = point_at(held_out["changed_points"], shift)
    held_out["changed"] = {name: _counted(found[name]) for name in held_out["changed"]}
    return True


def _replay_at(replay: dict[str, Any], number: int) -> bool:
    """Whether the report knows which of the latest submissions would go another way; their load it always knows."""
    if not replay["n"] or not replay.get("curve"):
        return True
    found = replay["curve"][number]
    replay |= {"candidate": found["load"], "difference": found.get("difference")}
    if "now_flagged" not in found:
        return False
    replay |= {name: _counted(found[name]) for name in ("now_flagged", "now_cleared")}
    return True


def _with_changes(replay: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    return replay | {name: stored[name] for name in ("now_flagged", "now_cleared") if name in stored}


def _groups_at(held_out: dict[str, Any], number: int) -> bool:
    weighted = held_out.get("weighted", {})
    rows = weighted.get("groups")
    if not rows or not all("points" in row[side] for row in rows for side in ("fakes", "reals") if row[side]):
        return False
    moved = [row | {side: _rates(row[side], number) for side in ("fakes", "reals")} for row in rows]
    held_out["weighted"] = weighted | {"groups": moved}
    return True


def _replay_groups_at(replay: dict[str, Any], number: int) -> bool:
    rows = replay.get("groups")
    if not rows or not all("points" in row["all"] for row in rows):
        return not rows
    replay["groups"] = [row | {"all": _rates(row["all"], number)} for row in rows]
    return True


def _rates(found: dict[str, Any] | None, number: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return found | {
        name: found[name] | dict(zip(ENDS, found["points"][name][number], strict=True))
        for name in ("candidate", "difference")
    }


def _counted(number: int) -> dict[str, Any]:
    return {"count": number, "submissions": []}


def _wilson(rate: float, n: int) -> dict[str, float]:
    low, high = wilson(round(rate * n), n)
    return {"value": rate, "low": low, "high": high, "n": n}
