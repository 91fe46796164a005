"""Whether what the models see has changed."""

import math
from bisect import bisect_right
from collections.abc import Sequence

BINS = 10
FLOOR = 1e-4  # of a bin's share, so that an empty one does not make the index infinite


def stability_index(reference: Sequence[float], recent: Sequence[float]) -> float:
    """The population stability index: sum over bins of (q - p) ln(q / p).

    p and q are the two samples' shares of the bins that cut the reference into tenths (Siddiqi 2006, *Credit Risk
    Scorecards*): below 0.1 nothing has changed, above 0.25 much has. Raises ValueError for an empty sample.
    """
    if not reference or not recent:
        raise ValueError("both samples must hold values")
    ordered = sorted(reference)
    cuts = sorted({ordered[len(ordered) * k // BINS] for k in range(1, BINS)})
    p, q = _shares(reference, cuts), _shares(recent, cuts)
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def changed_by(before: tuple[int, int], after: tuple[int, int]) -> tuple[float, float]:
    """The change of a share and how many standard errors it is; each argument is (number, of)."""
    (a, n), (b, m) = before, after
    pooled = (a + b) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    change = b / m - a / n
    return change, abs(change) / error if error else 0.0


def _shares(values: Sequence[float], cuts: Sequence[float]) -> list[float]:
    counts = [0] * (len(cuts) + 1)
    for value in values:
        counts[bisect_right(cuts, value)] += 1
    return [max(FLOOR, count / len(values)) for count in counts]
