"""Rates and areas with intervals. Scores are probabilities of *fake*; labels are 1 for fake."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimation import intervals

FEW = 20  # people of a class below which a bootstrap is too narrow


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


def missing(why: str) -> dict[str, str]:
    """A figure that could not be computed: it keeps its row in a report, which says why."""
    return {"missing": why}


def rate(hit: np.ndarray, group: np.ndarray | None, otherwise: str) -> dict[str, Any]:
    """`share` for a report; without rows it is missing, and `otherwise` says why. hit: (N,) bool; group: (N,)."""
    return share(hit, group).as_dict() if len(hit) else missing(otherwise)


def wilson(hits: int, n: int, effect: float = 1.0) -> Estimate:
    """Share hits/n with its Wilson interval; effect: rows that are worth one person (`design_effect`).

    Raises ValueError unless 0 <= hits <= n and n > 0.
    """
    low, high = intervals.wilson(hits / effect, n / effect)
    return Estimate(hits / n, low, high, n)


def share(hit: np.ndarray, group: np.ndarray | None = None) -> Estimate:
    """Share of true values with a Wilson interval for people instead of rows.

    hit: (N,) bool; group: (N,) who each row belongs to, None when every row is another person. Several rows of one
    person tell less than as many people: the rows are divided by their design effect, the variance between people over
    that of a simple sample (Kish, 1965), but by no less than 1. Raises ValueError without rows.
    """
    n, hits = len(hit), int(hit.sum())
    if not n:
        raise ValueError("a share needs rows: found none")
    return wilson(hits, n, 1.0 if group is None else design_effect(hit, group))


def design_effect(hit: np.ndarray, group: np.ndarray) -> float:
    """How many rows are worth one person, at least 1. hit: (N,) bool; group: (N,)."""
    _, number = np.unique(group, return_inverse=True)
    groups, n, mean = int(number.max()) + 1, len(hit), float(np.mean(hit))
    if groups == n:
        return 1.0
    if groups == 1 or mean in (0.0, 1.0):  # rows that all agree show no variance: count people
        return n / groups
    totals = np.bincount(number, hit - mean)
    between = groups / (groups - 1) * float((totals**2).sum()) / n**2
    return max(1.0, between / (mean * (1 - mean) / n))


def auc(label: np.ndarray, score: np.ndarray, group: np.ndarray | None = None, draws: int = 500) -> Estimate:
    """Area under the ROC curve with a bootstrap interval that resamples whole groups (people), seeded.

    With fewer than FEW people of a class, or an area of 0 or 1, resampling shows too little of what could have been
    otherwise; then the interval is at least Newcombe's. label, score, group: (N,). Raises ValueError when one class is
    missing.
    """
    if len(np.unique(label)) < 2:
        raise ValueError("the area needs both classes: found one")
    from sklearn.metrics import roc_auc_score  # takes half a second, which comparing bundles does not need

    value = float(roc_auc_score(label, score))
    _, number = np.unique(np.arange(len(label)) if group is None else group, return_inverse=True)
    groups = int(number.max()) + 1
    rng = np.random.default_rng(0)
    times = np.stack([np.bincount(rng.integers(groups, size=groups), minlength=groups) for _ in range(draws)])
    areas = weighted_areas(label, score, times[:, number])
    low, high = (float(bound) for bound in np.nanquantile(areas, (0.025, 0.975)))
    fakes, reals = (len(np.unique(number[label == kind])) for kind in (1, 0))
    if min(fakes, reals) < FEW or value in (0.0, 1.0):
        wide = newcombe(value, fakes, reals)
        low, high = min(low, wide[0]), max(high, wide[1])
    return Estimate(value, low, high, len(label))


def resampled(
    figures: Mapping[str, Callable[[np.ndarray, np.ndarray], float]],
    label: np.ndarray,
    score: np.ndarray,
    group: np.ndarray,
    draws: int = 300,
) -> dict[str, dict[str, Any]]:
    """Figures of labels and scores with intervals from a seeded bootstrap over people.

    Where resampling shows too little (fewer than FEW people of a class, or draws that are all equal) the figure has no
    interval, and says so under `no_interval`. label, score, group: (N,), both classes present.
    """
    _, number = np.unique(group, return_inverse=True)
    members = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    rng, drawn = np.random.default_rng(0), []
    for _ in range(draws):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < label[rows].sum() < len(rows):
            drawn.append([figure(label[rows], score[rows]) for figure in figures.values()])
    people = min(len(np.unique(number[label == kind])) for kind in (0, 1))
    told: dict[str, dict[str, Any]] = {}
    for place, (name, figure) in enumerate(figures.items()):
        value, column = figure(label, score), np.array([row[place] for row in drawn])
        if people < FEW or column.min() == column.max():
            why = f"{people} people of a class" if people < FEW else "every resample gives the same"
            told[name] = {"value": round(value, 4), "n": len(label), "no_interval": why}
            continue
        low, high = (float(bound) for bound in np.quantile(column, (0.025, 0.975)))
        told[name] = Estimate(value, low, high, len(label)).as_dict()
    return told


def newcombe(area: float, fakes: int, reals: int) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve that is never empty: Newcombe (2006), method 5.

    The areas t with |area - t| <= z sqrt(V(t)), V being Hanley and McNeil's variance with (fakes + reals) / 2 for both
    sizes. fakes, reals: how many of each, at least 1.
    """
    half = (fakes + reals) / 2 - 1
    t = np.linspace(0, 1, 20001)
    spread = 1 + half * ((1 - t) / (2 - t) + t / (1 + t))
    inside = t[np.abs(area - t) <= intervals.Z_95 * np.sqrt(t * (1 - t) * spread / (fakes * reals)) + 1e-12]
    return float(inside.min()), float(inside.max())


def weighted_areas(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(draws,) areas under the ROC curve with each row counted `weight` times; NaN where a class is missing.

    label, score: (N,), 1 is fake; weight: (draws, N), 0 or more. Raises ValueError for scores that are not finite: they
    have no place in the order.
    """
    if not np.isfinite(score).all():
        raise ValueError("a score is not a finite number, so it cannot be ranked")
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
