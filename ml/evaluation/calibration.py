"""Calibration of probabilities of *fake*, and temperature scaling (Guo et al., 2017)."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

BINS = 10
EDGE = 1e-6


def reliability(label: np.ndarray, probability: np.ndarray) -> list[dict[str, float]]:
    """Equally filled bins: mean probability, share of fakes and number of pictures in each."""
    bins = np.array_split(np.argsort(probability, kind="stable"), min(BINS, len(label)))
    return [
        {
            "probability": round(float(probability[rows].mean()), 4),
            "fakes": round(float(label[rows].mean()), 4),
            "n": len(rows),
        }
        for rows in bins
    ]


def expected_error(label: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error over these bins: mean distance of probability and share of fakes."""
    return sum(
        row["n"] * abs(row["probability"] - row["fakes"]) for row in reliability(label, probability)
    ) / len(label)


def temperature(label: np.ndarray, probability: np.ndarray) -> float:
    """The T > 0 for which sigmoid(logit / T) has the lowest log loss; found between 0.05 and 20."""
    logit = _logit(probability)
    found = minimize_scalar(
        lambda log_t: log_loss(label, _sigmoid(logit / np.exp(log_t)), labels=[0, 1]),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def calibration(label: np.ndarray, probability: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """The error as it is, and with a temperature that is fitted on the other half of the groups."""
    _, number = np.unique(group, return_inverse=True)
    half = number % 2 == 0
    mended = probability.copy()
    for here, there in ((half, ~half), (~half, half)):
        if 0 < label[here].sum() < here.sum() and there.any():
            mended[there] = _sigmoid(_logit(probability[there]) / temperature(label[here], probability[here]))
    return {
        "expected_error": round(expected_error(label, probability), 4),
        "expected_error_with_temperature": round(expected_error(label, mended), 4),
        "temperature": round(temperature(label, probability), 3),
        "reliability": reliability(label, probability),
    }


def _logit(p: np.ndarray) -> np.ndarray:
    inside = np.clip(p, EDGE, 1 - EDGE)
    return np.log(inside / (1 - inside))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
