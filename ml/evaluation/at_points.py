"""Figures of a comparison at each operating point of the candidate, short enough to be kept for all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.evaluation.groups import matched_difference
from ml.evaluation.metrics import Estimate, wilson


def listed(candidate: Sequence[Estimate], difference: Sequence[Estimate]) -> dict[str, list[list[float]]]:
    """[value, low, high] of the candidate's rate and of the difference from the champion, at each point."""
    return {
        name: [[round(found, 4) for found in (one.value, one.low, one.high)] for one in estimates]
        for name, estimates in (("candidate", candidate), ("difference", difference))
    }


def matched_points(champion: np.ndarray, moved: np.ndarray) -> dict[str, list[list[float]]]:
    """As `listed`, unweighted. champion: (N,) bool, N over 0; moved: (N, S) bool, the candidate at each point."""
    rates = [wilson(int(flagged.sum()), len(flagged)) for flagged in moved.T]
    return listed(rates, [matched_difference(champion, flagged) for flagged in moved.T])


def changed_counts(
    label: np.ndarray, champion: np.ndarray, moved: np.ndarray, shifts: np.ndarray
) -> list[dict[str, Any]]:
    """How many held-out faces would go another way at each point. label: (N,) 1 is fake; champion: (N,) bool; moved:
    (N, S) bool, the candidate at each of the S shifts."""
    fake, real = label == 1, label == 0
    return [
        {
            "shift": float(shift),
            "fakes_now_caught": int((fake & ~champion & flagged).sum()),
            "fakes_now_missed": int((fake & champion & ~flagged).sum()),
            "reals_now_spared": int((real & champion & ~flagged).sum()),
            "reals_now_flagged": int((real & ~champion & flagged).sum()),
        }
        for shift, flagged in zip(shifts, moved.T, strict=True)
    ]
