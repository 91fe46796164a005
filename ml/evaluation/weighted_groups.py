"""Weighted rates of groups, and the group for which a candidate is most clearly worse than the champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.evaluation.at_points import listed
from ml.evaluation.design_based import DRAWS, PairedRates, Selected, paired_rates, typical_weights
from ml.evaluation.groups import parts

# Groupings that the champion's own votes made; a comparison within them says little about people.
MADE_BY_VOTES = frozenset({"Reason"})
FACES_MIN = 5  # of a label in a group; fewer are shown, but not searched for the worst group


@dataclass(frozen=True, slots=True)
class _Cell:
    """One label of one group. rates: intervals of 95 %; searched: wider ones that allow for the number of cells."""

    name: str
    value: str
    label: str
    rows: Selected
    rates: PairedRates
    searched: PairedRates | None


def weighted_groups(
    belongs: Sequence[Mapping[str, str]],
    *,
    weight: np.ndarray,
    applicant: np.ndarray,
    label: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    shifts: np.ndarray,
    draws: int = DRAWS,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(each group as `ml.evaluation.groups.held_out_groups`, but weighted; at each shift the worst groups).

    The worst group of recall is the one whose difference has the lowest upper end, of false alarms the one with the
    highest lower end; both null without a group of FACES_MIN faces. Among many groups some look worse by chance, so
    intervals of this search are at 95 % for all groups together (Bonferroni). `points` of a group has its rates and
    differences at each shift, the differences of groups that are `searched` with the intervals of the search. Arrays
    as in `weighted_report`.
    """
    typical = typical_weights(weight, champion)
    wanted = [
        (name, value, kind, rows & (label == number))
        for name, value, rows in parts(belongs)
        for kind, number in (("fakes", 1), ("reals", 0))
    ]
    searched = sum(_is_searched(name, rows) for name, _, _, rows in wanted)
    tail = 2.5 / max(1, searched)
    cells = []
    for name, value, kind, rows in wanted:
        selected = Selected(weight[rows], applicant[rows])
        found = paired_rates(selected, champion[rows], candidate[rows], typical, draws=draws)
        if found is None:
            continue
        wide = None
        if _is_searched(name, rows):
            levels = (tail, 100 - tail)
            wide = paired_rates(
                selected, champion[rows], candidate[rows], typical, draws=draws, levels=levels
            )
        cells.append(_Cell(name, value, kind, selected, found, wide))
    here = int(np.argmin(np.abs(shifts)))
    return _table(wanted, cells, here), [_worst(cells, number) for number in range(len(shifts))]


def _is_searched(name: str, rows: np.ndarray) -> bool:
    return name not in MADE_BY_VOTES and int(rows.sum()) >= FACES_MIN


def _table(
    wanted: list[tuple[str, str, str, np.ndarray]], cells: list[_Cell], here: int
) -> list[dict[str, Any]]:
    found = {(cell.name, cell.value, cell.label): cell for cell in cells}
    groups = dict.fromkeys((name, value) for name, value, _, _ in wanted)
    return [
        {
            "name": name,
            "value": value,
            **{kind: _figures(found.get((name, value, kind)), here) for kind in ("fakes", "reals")},
        }
        for name, value in groups
    ]


def _figures(cell: _Cell | None, here: int) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "champion": cell.rates.champion.as_dict(),
        "candidate": cell.rates.candidate[here].as_dict(),
        "difference": cell.rates.difference[here].as_dict(),
        "effective": round(cell.rows.effective, 1),
        "searched": cell.searched is not None,
        "points": listed(cell.rates.candidate, (cell.searched or cell.rates).difference),
    }


def _worst(cells: list[_Cell], number: int) -> dict[str, Any]:
    def row(cell: _Cell | None) -> dict[str, Any] | None:
        if cell is None or cell.searched is None:
            return None
        difference = cell.searched.difference[number]
        return {"name": cell.name, "value": cell.value, "n": difference.n, "difference": difference.as_dict()}

    fakes = [
        (cell.searched.difference[number].high, cell)
        for cell in cells
        if cell.searched and cell.label == "fakes"
    ]
    reals = [
        (cell.searched.difference[number].low, cell)
        for cell in cells
        if cell.searched and cell.label == "reals"
    ]
    return {
        "recall": row(min(fakes, key=lambda pair: pair[0])[1] if fakes else None),
        "false_alarm": row(max(reals, key=lambda pair: pair[0])[1] if reals else None),
    }
