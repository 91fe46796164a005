"""How well a score ranks fakes above real pictures."""

import math
from collections.abc import Sequence

from estimation.intervals import Z_95


def auc(fakes: Sequence[float], reals: Sequence[float]) -> float:
    """Area under the ROC curve: how often a fake scores higher than a real one, ties counting half.

    Mann and Whitney (1947, Ann. Math. Stat. 18, 50-60), from the sum of ranks. Raises ValueError when a class is empty.
    """
    if not fakes or not reals:
        raise ValueError("the area needs scores of fakes and of real ones")
    values = sorted([(score, 1) for score in fakes] + [(score, 0) for score in reals])
    ranks, start = 0.0, 0
    while start < len(values):
        end = start
        while end < len(values) and values[end][0] == values[start][0]:
            end += 1
        ranks += (start + 1 + end) / 2 * sum(is_fake for _, is_fake in values[start:end])
        start = end
    return (ranks - len(fakes) * (len(fakes) + 1) / 2) / (len(fakes) * len(reals))


def hanley_mcneil(area: float, fakes: int, reals: int) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve, within 0 to 1 (Hanley and McNeil 1982, Radiology 143, 29-36)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (fakes - 1) * (q1 - area**2) + (reals - 1) * (q2 - area**2)
    half = Z_95 * math.sqrt(max(spread, 0.0) / (fakes * reals))
    return max(0.0, area - half), min(1.0, area + half)
