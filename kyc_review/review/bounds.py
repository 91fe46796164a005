"""How many may have been missed when few or none were found. Pure, no I/O, no numpy: the web process shows these."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
STEPS = 60  # halvings: far below what anybody prints


def upper_bound(found: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The largest share that finding so few of so many would not contradict: one-sided, exact.

    Clopper and Pearson (1934, Biometrika 26, 404-413): the p at which P(X <= found) = 1 - confidence for X binomial of
    (of, p), by bisection. From 0 to 1; 1 when nothing was looked at. Raises ValueError unless 0 <= found <= of.
    """
    if not 0 <= found <= of:
        raise ValueError(f"{found} cannot be found in {of}")
    if found == of:
        return 1.0
    low, high = found / of, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _at_most(found, of, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(found: int, of: int, p: float) -> float:
    """P(X <= found), its terms summed from their logarithms, so that none overflows."""
    if p >= 1.0:
        return 0.0
    yes, no = math.log(p) if p else -math.inf, math.log1p(-p)
    logs = [
        math.lgamma(of + 1)
        - math.lgamma(k + 1)
        - math.lgamma(of - k + 1)
        + (k * yes if k else 0.0)
        + (of - k) * no
        for k in range(found + 1)
    ]
    top = max(logs)
    return math.exp(top) * math.fsum(math.exp(value - top) for value in logs)
