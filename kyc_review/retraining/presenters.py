"""A bundle's metrics as lines of a table; what a training run reports is its own affair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIGURES_MAX = 24
STACK = "stack"


@dataclass(frozen=True, slots=True)
class Task:
    """How a bundle did on one set of faces; each cell is "value (low to high)" with its 95 % interval, or empty."""

    name: str
    auc: str
    recall: str
    false_alarms: str
    load: str


def measured(metrics: Any) -> tuple[str, list[Task]]:
    """The side of the split that was measured last (test, else validation) and its tasks; empty when unknown.

    Reads what ml.evaluation.outcome writes; a bundle from elsewhere may state its metrics in another form.
    """
    for side in ("test", "validation"):
        report = metrics.get(side) if isinstance(metrics, dict) else None
        if isinstance(report, dict) and isinstance(report.get("votes"), dict):
            aucs = report.get("auc") or {}
            tasks = [
                Task(
                    name=_task_name(name),
                    auc=_estimate((aucs.get(name) or {}).get(STACK), 2),
                    recall=_percent(votes.get("recall_with_human")),
                    false_alarms=_percent(votes.get("false_alarm")),
                    load=_percent(votes.get("review_load")),
                )
                for name, votes in report["votes"].items()
                if isinstance(votes, dict)
            ]
            return side, tasks
    return "", []


def _task_name(name: str) -> str:
    """ "own_rff" is a set's own fakes, "made_lfw" forgeries that were synthesised from it."""
    kind, _, source = name.partition("_")
    words = {"own": "Its own fakes", "made": "Synthesised forgeries", "all": "All together"}
    return f"{words.get(kind, kind)}{': ' + source.upper() if source else ''}"


def _estimate(value: Any, digits: int, scale: float = 1) -> str:
    if not isinstance(value, dict) or not all(_is_number(value.get(key)) for key in ("value", "low", "high")):
        return ""
    middle, low, high = (f"{value[key] * scale:.{digits}f}" for key in ("value", "low", "high"))
    return f"{middle} ({low} to {high})"


def _percent(value: Any) -> str:
    return _estimate(value, 0, 100).replace(" (", " % (", 1)


WIDTH, HEIGHT = 320, 200  # of the plot, in its own units


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of champion and candidate, ready to show."""

    name: str
    champion: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as a page shows it: figures side by side, what would change, and the two curves."""

    pairs: list[Pair]
    changes: list[tuple[str, int]]
    points: list[dict[str, float]]
    champion_line: str
    candidate_line: str
    here: tuple[float, float]


CHANGES = {
    "fakes_now_caught": "held-out fakes that the champion clears and the candidate flags",
    "fakes_now_missed": "held-out fakes that the champion flags and the candidate clears",
    "reals_now_spared": "held-out real faces that need no review any more",
    "reals_now_flagged": "held-out real faces that would newly be reviewed",
}


def compared(report: Any, shift: float) -> Compared:
    """What `ml compare` found, with the candidate's curve at every operating point."""
    held_out, replay = report["holdout"], report["replay"]
    roles = ("champion", "candidate")
    rows = [
        ("Fakes that reach a person", *(_percent(held_out[role]["recall_with_human"]) for role in roles)),
        ("Real faces that do, too", *(_percent(held_out[role]["false_alarm"]) for role in roles)),
        ("Fakes that all five call fake", *(_percent(held_out[role]["recall_unanimous"]) for role in roles)),
    ]
    for source in held_out["champion"]["by_source"]:
        recalls = (
            _percent(held_out[role]["by_source"].get(source, {}).get("recall_with_human")) for role in roles
        )
        rows.append((f"Fakes that reach a person: {source}", *recalls))
    if replay["n"]:
        rows.append(
            (f"Review load on the latest {replay['n']:,}", *(_percent(replay[role]) for role in roles))
        )
    rows.append(("Time per image", *(f"{report[role]['ms_per_image']:.1f} ms" for role in roles)))
    rows.append(("Size", *(f"{report[role]['size_bytes'] / 1e6:.1f} MB" for role in roles)))
    changes = [(words, held_out["changed"][key]["count"]) for key, words in CHANGES.items()]
    if replay["n"]:
        changes.append(
            ("of the latest submissions that would newly be reviewed", replay["now_flagged"]["count"])
        )
        changes.append(("of them that would newly be cleared", replay["now_cleared"]["count"]))
    points = held_out["candidate"]["curve"]
    here = next((p for p in points if abs(p["shift"] - shift) < 0.005), points[0])
    return Compared(
        pairs=[Pair(*row) for row in rows],
        changes=changes,
        points=[point for point in points if _is_step(point["shift"])],
        champion_line=_line(held_out["champion"]["curve"]),
        candidate_line=_line(points),
        here=_place(here),
    )


def _is_step(shift: float) -> bool:
    """Every fifth point is enough to choose from."""
    return abs(shift * 2 - round(shift * 2)) < 0.01


def _line(points: list[dict[str, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_place, points))


def _place(point: dict[str, float]) -> tuple[float, float]:
    return round(point["false_alarm"] * WIDTH, 1), round(HEIGHT * (1 - point["recall"]), 1)


def figures(metrics: Any) -> list[tuple[str, str]]:
    """Numbers and short texts of nested metrics with their path: {"test": {"auc": 0.9}} -> [("test auc", "0.9")]."""
    return [line for line, _ in zip(_leaves(metrics, ()), range(FIGURES_MAX), strict=False)]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key).replace("_", " ")))
    elif isinstance(value, list) and value and all(_is_number(inner) for inner in value) and len(value) <= 3:
        yield " ".join(path), " to ".join(_number(inner) for inner in value)  # an interval
    elif _is_number(value):
        yield " ".join(path), _number(value)
    elif isinstance(value, str) and len(value) <= 80:
        yield " ".join(path), value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
