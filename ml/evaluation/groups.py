"""Two bundles on groups of one set of faces: the rates of each, and the difference on the same faces.

A difference between two groups may be chance; so every figure has its interval, and the number it was measured on.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimation.intervals import Z_95
from ml.evaluation.metrics import Estimate, wilson

VALUES_MAX = 8
OTHER = "all others"


def matched_difference(before: np.ndarray, after: np.ndarray) -> Estimate:
    """Share flagged after less share flagged before, on the same faces, with the adjusted interval of Agresti and Min
    (2005): a half is added to each cell of the 2 x 2 table.

    before, after: (N,) bool. Raises ValueError for nothing.
    """
    count = len(before)
    if not count:
        raise ValueError("a difference needs at least one face")
    gained, lost = int((~before & after).sum()), int((before & ~after).sum())
    whole, more, less = count + 2, gained + 0.5, lost + 0.5
    centre = (more - less) / whole
    half = Z_95 * math.sqrt(more + less - (more - less) ** 2 / whole) / whole
    return Estimate((gained - lost) / count, max(-1.0, centre - half), min(1.0, centre + half), count)


def rates(before: np.ndarray, after: np.ndarray) -> dict[str, Any] | None:
    """Share flagged by champion and candidate and their difference; None for nothing. before, after: (N,) bool."""
    if not len(before):
        return None
    return {
        "champion": wilson(int(before.sum()), len(before)).as_dict(),
        "candidate": wilson(int(after.sum()), len(after)).as_dict(),
        "difference": matched_difference(before, after).as_dict(),
    }


def parts(belongs: Sequence[Mapping[str, str]]) -> list[tuple[str, str, np.ndarray]]:
    """(grouping, value, rows) with the largest VALUES_MAX values of each grouping and the rest together.

    belongs: for each of N faces, the value of each grouping that it has; rows: (N,) bool.
    """
    found = []
    for name in dict.fromkeys(name for one in belongs for name in one):
        values = [one.get(name) for one in belongs]
        ordered = sorted(
            Counter(value for value in values if value).items(), key=lambda pair: (-pair[1], pair[0])
        )
        kept = [value for value, _ in ordered[:VALUES_MAX]]
        for value in kept:
            found.append((name, value, np.array([one == value for one in values])))
        if len(ordered) > VALUES_MAX:
            found.append((name, OTHER, np.array([bool(one) and one not in kept for one in values])))
    return found


def held_out_groups(
    belongs: Sequence[Mapping[str, str]], label: np.ndarray, before: np.ndarray, after: np.ndarray
) -> list[dict[str, Any]]:
    """Of each part: `fakes` and `reals` flagged, as `rates`. label: (N,) 1 is fake; before, after: (N,) bool."""
    return [
        {
            "name": name,
            "value": value,
            "fakes": rates(before[rows & (label == 1)], after[rows & (label == 1)]),
            "reals": rates(before[rows & (label == 0)], after[rows & (label == 0)]),
        }
        for name, value, rows in parts(belongs)
    ]


def replay_groups(
    belongs: Sequence[Mapping[str, str]], before: np.ndarray, after: np.ndarray
) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Of each part: all that is flagged, as `rates`, with its rows, (N,) bool. before, after: (N,) bool."""
    return [
        ({"name": name, "value": value, "all": rates(before[rows], after[rows])}, rows)
        for name, value, rows in parts(belongs)
    ]
