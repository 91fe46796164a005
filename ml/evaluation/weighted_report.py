"""The part of a comparison that corrects for the selection of what people saw."""

from typing import Any

import numpy as np

from ml.evaluation.design_based import DRAWS, PairedRates, Selected, complement, paired_rates, typical_weights
from ml.evaluation.metrics import Estimate

METHOD = (
    "each row counts by one over its stored chance of reaching people (Hajek); 95 % intervals by a Bayesian bootstrap "
    "over applicants with half a pseudo-row for each outcome"
)


def weighted_report(
    *,
    weight: np.ndarray,
    was_cleared: np.ndarray,
    applicant: np.ndarray,
    label: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    shifts: np.ndarray,
    champion_moved: np.ndarray | None = None,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Weighted recall, miss rate, false alarms and load of both, paired differences, and all of it at each shift.

    weight: (N,) one over the probability that a row is labelled; was_cleared: (N,) bool, an audit drew the row from
    what was cleared, and only such a fake was missed; applicant: (N,) names; label: (N,) 1 is fake; champion: (N,)
    bool, its flags in production; candidate: (N, S) bool at each of the S shifts, one of which is 0; champion_moved:
    (N, S) bool, the champion's flags at each shift, for its curve. Both labels must be there. Raises ValueError for a
    weight below 1.
    """
    typical = typical_weights(weight, champion)
    sides = {"fakes": label == 1, "reals": label == 0, "all": np.ones(len(label), bool)}
    paired: dict[str, PairedRates] = {}
    report: dict[str, Any] = {"method": METHOD}
    for name, rows in sides.items():
        selected = Selected(weight[rows], applicant[rows])
        rates = paired_rates(selected, champion[rows], candidate[rows], typical, draws=draws)
        if rates is None:
            raise ValueError(f"no held-out picture is among the {name}: both labels are needed")
        paired[name] = rates
        report[name] = {
            "n": int(rows.sum()),
            "effective": round(selected.effective, 1),
            "audited": int(was_cleared[rows].sum()),
        }
    fakes, reals, everything = (paired[name] for name in sides)
    unshifted = int(np.argmin(np.abs(shifts)))
    report["champion"] = _rates(fakes.champion, reals.champion, everything.champion)
    report["candidate"] = _rates(*(rates.candidate[unshifted] for rates in (fakes, reals, everything)))
    named = {"recall": fakes, "false_alarm": reals, "load": everything}
    report["difference"] = {name: rates.difference[unshifted].as_dict() for name, rates in named.items()}
    report["points"] = [_point(float(shift), number, fakes, reals) for number, shift in enumerate(shifts)]
    if champion_moved is not None:
        report["champion_points"] = _curve(weight, label, champion_moved, shifts)
    return report


def _point(shift: float, number: int, fakes: PairedRates, reals: PairedRates) -> dict[str, Any]:
    """The candidate at the shift of that number."""
    return {
        "shift": shift,
        "recall": fakes.candidate[number].as_dict(),
        "recall_difference": fakes.difference[number].as_dict(),
        "false_alarm": reals.candidate[number].as_dict(),
        "false_alarm_difference": reals.difference[number].as_dict(),
    }


def _rates(recall: Estimate, false_alarm: Estimate, load: Estimate) -> dict[str, Any]:
    return {
        "recall": recall.as_dict(),
        "miss_rate": complement(recall).as_dict(),
        "false_alarm": false_alarm.as_dict(),
        "load": load.as_dict(),
    }


def _curve(
    weight: np.ndarray, label: np.ndarray, flagged: np.ndarray, shifts: np.ndarray
) -> list[dict[str, float]]:
    """Weighted recall and false alarms at each shift, without intervals: a curve to draw. flagged: (N, S) bool."""
    recall, alarm = (
        weight[label == value] @ flagged[label == value] / weight[label == value].sum() for value in (1, 0)
    )
    rows = zip(shifts, recall, alarm, strict=True)
    return [
        {"shift": float(s), "recall": round(float(r), 4), "false_alarm": round(float(a), 4)}
        for s, r, a in rows
    ]
