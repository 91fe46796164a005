"""Rates and areas with intervals. Scores are probabilities of *fake*; labels are 1 for fake."""

import math
from dataclasses import dataclass

import numpy as np

from estimation import intervals


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; `n` counts what it was measured on."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """For a manifest, rounded to four places."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
        }


def wilson(hits: int, n: int) -> Estimate:
    """Share hits/n with its Wilson interval. Raises ValueError unless 0 <= hits <= n and n > 0."""
    low, high = intervals.wilson(hits, n)
    return Estimate(hits / n, low, high, n)


def auc(label: np.ndarray, score: np.ndarray, group: np.ndarray | None = None, draws: int = 500) -> Estimate:
    """Area under the ROC curve with a bootstrap interval that resamples whole groups (people), seeded.

    label, score, group: (N,). Raises ValueError when one class is missing.
    """
    if len(np.unique(label)) < 2:
        raise ValueError("the area needs both classes: found one")
    from sklearn.metrics import roc_auc_score  # takes half a second, which comparing bundles does not need

    value = float(roc_auc_score(label, score))
    _, number = np.unique(np.arange(len(label)) if group is None else group, return_inverse=True)
    groups = int(number.max()) + 1
    rng = np.random.default_rng(0)
    times = np.stack([np.bincount(rng.integers(groups, size=groups), minlength=groups) for _ in range(draws)])
    areas = _weighted_areas(label, score, times[:, number])
    low, high = np.nanquantile(areas, (0.025, 0.975))
    return Estimate(value, float(low), float(high), len(label))


def _weighted_areas(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(draws,) areas with each row counted `weight` times; NaN where a class is missing. weight: (draws, N)."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(
        np.diff(score[order], prepend=np.nan) != 0
    )  # equal scores are one step of the curve
    fake = np.add.reduceat(weight[:, order] * (label[order] == 1), starts, axis=1)
    real = np.add.reduceat(weight[:, order] * (label[order] == 0), starts, axis=1)
    below = np.cumsum(real, axis=1) - real / 2  # a tie counts half
    pairs = fake.sum(1) * real.sum(1)
    return np.divide((fake * below).sum(1), pairs, out=np.full(len(weight), np.nan), where=pairs > 0)


def threshold_for_miss_rate(label: np.ndarray, score: np.ndarray, miss: float) -> float:
    """The highest threshold at which at most the share `miss` of the fakes scores below it.

    Raises ValueError without fakes or for a miss rate outside [0, 1).
    """
    fakes = np.sort(score[label == 1])
    if not len(fakes) or not 0 <= miss < 1:
        raise ValueError("a threshold needs fakes and a miss rate in [0, 1)")
    return float(fakes[math.floor(miss * len(fakes))])


def at_prevalence(recall: float, false_alarm: float, prevalence: float) -> dict[str, float]:
    """Precision of a flag and share of all images flagged, at another prevalence (prior shift: rates stay)."""
    flagged = recall * prevalence + false_alarm * (1 - prevalence)
    return {
        "prevalence": prevalence,
        "precision": recall * prevalence / flagged if flagged else 0.0,
        "load": flagged,
        "missed_per_million": (1 - recall) * prevalence * 1e6,
    }
