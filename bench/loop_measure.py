"""How many fakes reach people when equally many real faces do, before and after; with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LOADS = (0.1, 0.2, 0.3)  # share of real faces that people have to look at


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def suspicion(probability: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(N,) how far, on the logit scale, all thresholds could rise before no voter flags the face: its flag at
    any operating point is one comparison. probability: (N, 5); thresholds: (5,)."""
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.asarray((np.log(clipped / (1 - clipped)) - np.log(thresholds / (1 - thresholds))).max(1))


def recall_at(score: np.ndarray, fake: np.ndarray, load: float) -> float:
    """The share of fakes that is flagged when `load` of the real faces are."""
    limit = np.quantile(score[~fake], 1 - load)
    return float((score[fake] > limit).mean())


def compared(
    before: np.ndarray, after: np.ndarray, fake: np.ndarray, load: float, seed: int = 0
) -> tuple[Estimate, Estimate, Estimate]:
    """Recall before, after, and the gain, all on the same faces; bootstrap over faces, both classes apart."""
    rng = np.random.default_rng(seed)
    fakes, reals = np.flatnonzero(fake), np.flatnonzero(~fake)
    drawn = []
    for _ in range(DRAWS):
        rows = np.concatenate([rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))])
        pair = [recall_at(score[rows], fake[rows], load) for score in (before, after)]
        drawn.append([*pair, pair[1] - pair[0]])
    low, high = np.percentile(np.array(drawn), [2.5, 97.5], axis=0)
    values = [recall_at(before, fake, load), recall_at(after, fake, load)]
    values.append(values[1] - values[0])
    one, two, gain = (Estimate(v, float(a), float(b)) for v, a, b in zip(values, low, high, strict=True))
    return one, two, gain
