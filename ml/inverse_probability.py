"""Weights that undo which faces were shown to people: one over the chance that a decision had of being made.

Labels exist only of what the models flagged (chance 1) and of what an audit drew (a small, known chance). Weighing each
by one over its chance makes sums over the labelled estimate sums over all (Horvitz and Thompson, 1952, JASA 47). A few
huge weights would rule the gradient, so they are truncated, at the price of some bias (Cole and Hernán, 2008, American
Journal of Epidemiology 168), and normalised (Hájek, 1971), within each label: how labels are balanced is another
choice (`ml.balancing`), which weights must not undo. What is left of the information is Kish's effective sample
size (1965, Survey Sampling, 11.7).
"""

from dataclasses import dataclass

import numpy as np

MOST = 20.0
LABELS = (("real", 0), ("fake", 1))


@dataclass(frozen=True, slots=True)
class Weighing:
    """weight: (N,) float32, mean 1 within each label; truncated: how many were above `most`; effective: per label."""

    weight: np.ndarray
    truncated: int
    effective: dict[str, float]


def weigh(raw: np.ndarray, label: np.ndarray, *, most: float = MOST) -> Weighing:
    """Truncated, then normalised. raw: (N,) one over a chance, 1 or more; label: (N,) 1 is fake; most: 1 or more.

    Raises ValueError for a weight that is no such number.
    """
    raw = np.asarray(raw, np.float64)
    if not (np.isfinite(raw).all() and (raw > 0).all()):
        raise ValueError("a weight must be a positive number: one over the chance of being drawn")
    if most < 1:
        raise ValueError(f"weights cannot be truncated at {most}: the least is 1, which switches them off")
    kept = np.minimum(raw, most)
    effective = {}
    for name, value in LABELS:
        rows = label == value
        if rows.any():
            effective[name] = round(effective_size(kept[rows]), 1)
            kept[rows] /= kept[rows].mean()
    return Weighing(kept.astype(np.float32), int((raw > most).sum()), effective)


def effective_size(weight: np.ndarray) -> float:
    """(sum of weights)^2 / sum of their squares: so many equally weighed rows would tell as much. weight: (N,) > 0."""
    return float(weight.sum() ** 2 / (weight**2).sum())
