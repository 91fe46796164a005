"""Inverse-probability weights, which correct for the selection of faces that people see.

Labels exist only for faces that the models flagged (probability 1) and that an audit drew (a small, known
probability). Weighting each by one over its probability makes sums over labelled faces estimate sums over all
(Horvitz and Thompson, 1952, JASA 47). A few very large weights would dominate the gradient, so they are
truncated, at the cost of some bias (Cole and Hernán, 2008, American Journal of Epidemiology 168). They are
normalised (Hájek, 1971) within each label, because the balance of labels is a separate choice
(`ml.balancing`). Kish's effective sample size (1965, Survey Sampling, 11.7) measures the remaining
information.
"""

from dataclasses import dataclass

import numpy as np

MOST = 20.0
LABELS = (("real", 0), ("fake", 1))


@dataclass(frozen=True, slots=True)
class InverseProbabilityWeights:
    """weight: (N,) float32, mean 1 within each label; truncated: how many were above `most`; effective: per label."""

    weight: np.ndarray
    truncated: int
    effective: dict[str, float]


def inverse_probability_weights(
    raw: np.ndarray, label: np.ndarray, *, most: float = MOST
) -> InverseProbabilityWeights:
    """Truncated, then normalised. raw: (N,) above 0, such as one over a probability; label: (N,) 1 is fake; most: 1 or
    more.

    Raises ValueError when a weight is not finite or not above 0, or when `most` is below 1.
    """
    raw = np.asarray(raw, np.float64)
    if not (np.isfinite(raw).all() and (raw > 0).all()):
        raise ValueError("a weight must be a positive number: one over the probability of being drawn")
    if most < 1:
        raise ValueError(f"weights cannot be truncated at {most}: the least is 1, which switches them off")
    kept = np.minimum(raw, most)
    effective = {}
    for name, value in LABELS:
        rows = label == value
        if rows.any():
            effective[name] = round(effective_size(kept[rows]), 1)
            kept[rows] /= kept[rows].mean()
    return InverseProbabilityWeights(kept.astype(np.float32), int((raw > most).sum()), effective)


def effective_size(weight: np.ndarray) -> float:
    """(sum of weights)^2 / sum of their squares: the number of equally weighted rows with the same
    information. weight: (N,) > 0."""
    return float(weight.sum() ** 2 / (weight**2).sum())
