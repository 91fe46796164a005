"""Review load against recall over all thresholds, and fakes among the cleared.

A picture is cleared when its score lies below the threshold and goes to a person otherwise, so that coverage is the
share that is cleared, and its only error is a fake among the cleared. Generalised risk counts these over all pictures;
its area over coverage is AUGRC (Traub et al., 2024), next to 0 for a system that puts every fake last.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ml.evaluation.metrics import at_prevalence, resampled

Figure = Callable[[np.ndarray, np.ndarray], float]
PREVALENCE = 0.001
TARGETS = (0.9, 0.95, 0.99)
POINTS = 200  # of a drawn curve


def weights(label: np.ndarray, prevalence: float | None) -> np.ndarray:
    """(N,) weights that sum to 1 and give fakes this share; None leaves the share as it is."""
    n, fakes = len(label), int(label.sum())
    if prevalence is None:
        return np.full(n, 1 / n)
    return np.where(label == 1, prevalence / fakes, (1 - prevalence) / (n - fakes))


def curve(
    label: np.ndarray, score: np.ndarray, prevalence: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, generalised risk and share of fakes among the cleared, each (K + 1,), from nothing cleared to all.

    label, score: (N,), both classes present; equal scores are cleared together.
    """
    order = np.argsort(score, kind="stable")
    weight = weights(label, prevalence)[order]
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    coverage = np.concatenate([[0.0], np.cumsum(weight)[ends]])
    risk = np.concatenate([[0.0], np.cumsum(weight * label[order])[ends]])
    return coverage, risk, np.divide(risk, coverage, out=np.zeros_like(risk), where=coverage > 0)


def augrc(label: np.ndarray, score: np.ndarray, prevalence: float | None = None) -> float:
    """Area under generalised risk over coverage."""
    coverage, risk, _ = curve(label, score, prevalence)
    return float(np.trapezoid(risk, coverage))


def at_recall(label: np.ndarray, score: np.ndarray, recall: float) -> dict[str, float]:
    """Load and precision at 1:1000 of the highest threshold that sends at least this share of fakes to people."""
    fakes = np.sort(score[label == 1])
    threshold = fakes[len(fakes) - int(np.ceil(recall * len(fakes) - 1e-9))]
    found = float((score[label == 1] >= threshold).mean())
    return at_prevalence(found, float((score[label == 0] >= threshold).mean()), PREVALENCE)


def selective(label: np.ndarray, score: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """AUGRC and, for each recall, load and precision at 1:1000, with bootstrap intervals over groups; and the curve."""
    figures: dict[str, Figure] = {"augrc": augrc}
    for target in TARGETS:
        for name in ("load", "precision"):
            figures[f"{name}_at_recall_{target:.0%}"] = partial(_at_recall, recall=target, name=name)
    coverage, _, hidden = curve(label, score)
    real, fake = np.sort(score[label == 0]), np.sort(score[label == 1])
    cut = np.unique(np.quantile(score, np.linspace(0, 1, POINTS)))
    return {
        "figures": resampled(figures, label, score, group),
        "risk_coverage": _thinned(coverage, hidden),
        "load_recall": [
            [round(float(v), 5) for v in pair]
            for pair in zip(_above(real, cut), _above(fake, cut), strict=True)
        ],
    }


def _at_recall(label: np.ndarray, score: np.ndarray, recall: float, name: str) -> float:
    return at_recall(label, score, recall)[name]


def _above(ordered: np.ndarray, cut: np.ndarray) -> np.ndarray:
    return 1 - np.searchsorted(ordered, cut) / len(ordered)


def _thinned(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return [[round(float(x[i]), 5), round(float(y[i]), 5)] for i in kept]
