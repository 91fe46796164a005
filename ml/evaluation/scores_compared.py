"""Scores of two bundles on the same labelled faces: how risk is spread by outcome, and where they differ most."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

BINS = 10
DIFFERENCES_MAX = 12  # faces that a page shows next to each other
Scores = tuple[np.ndarray, np.ndarray]  # (N, 5) probabilities of fake, and (5,) thresholds


def risks(probability: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(N,) what `detection.voting.risk` says of each row: from 0 to 1, 0.5 where every vote is at its threshold.

    probability: (N, 5) of fake; thresholds: (5,) above 0.
    """
    below = 0.5 * probability / thresholds
    room = np.where(thresholds < 1, 1 - thresholds, 1)
    above = np.where(thresholds < 1, 0.5 + 0.5 * (probability - thresholds) / room, 1.0)
    return np.asarray(np.where(probability < thresholds, below, above).mean(1))


def risk_histogram(scores: Mapping[str, Scores], label: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """Of fakes and of reals, in BINS equal parts of risk: `count` of rows, and `share` of all by weight, by role.

    scores: by role; label: (N,) 1 is fake; weight: (N,) one over the probability that the row is labelled. A label
    without a row has shares of 0.
    """
    found: dict[str, Any] = {"bins": BINS}
    places = {role: np.minimum((risks(*rows) * BINS).astype(int), BINS - 1) for role, rows in scores.items()}
    for name, value in (("fakes", 1), ("reals", 0)):
        chosen = label == value
        total = float(weight[chosen].sum()) or 1.0
        found[name] = {"n": int(chosen.sum())} | {
            role: {
                "count": np.bincount(place[chosen], minlength=BINS).tolist(),
                "share": [
                    round(float(part) / total, 4)
                    for part in np.bincount(place[chosen], weights=weight[chosen], minlength=BINS)
                ],
            }
            for role, place in places.items()
        }
    return found


def widest_differences(
    names: Sequence[str], scores: Mapping[str, Scores], label: np.ndarray, weight: np.ndarray
) -> list[dict[str, Any]]:
    """The DIFFERENCES_MAX faces whose risk differs most between champion and candidate, the widest first.

    Risk puts every threshold at 0.5, so bundles with other thresholds compare. Each has `submission`, `label`, `weight`
    and, by role, `risk`, the five `probabilities` of fake and which of them `call` it. names: of the N rows; scores: of
    "champion" and "candidate"; label: (N,) 1 is fake; weight: (N,).
    """
    risk = {role: risks(*rows) for role, rows in scores.items()}
    gap = np.abs(risk["candidate"] - risk["champion"])
    widest = np.argsort(-gap, kind="stable")[:DIFFERENCES_MAX]
    return [
        {
            "submission": names[row],
            "label": "fake" if label[row] else "real",
            "weight": round(float(weight[row]), 3),
            **{
                role: {
                    "risk": round(float(risk[role][row]), 4),
                    "probabilities": [round(float(value), 4) for value in probability[row]],
                    "calls": (probability[row] >= thresholds).tolist(),
                }
                for role, (probability, thresholds) in scores.items()
            },
        }
        for row in widest
        if gap[row] > 0
    ]
