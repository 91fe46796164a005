"""What a number of calibration fakes can certify about the miss rate, without assumptions on the scores.

Learn-then-Test (Angelopoulos et al., 2021) with fixed-sequence testing: thresholds are tried from the safest on, so
that the exact binomial bound (Clopper and Pearson, 1934) of the last one accepted holds at the stated confidence. It
holds for forgeries like the calibration's, and for nothing else.
"""

from scipy.stats import binomtest

CONFIDENCE = 0.95


def miss_rate_bound(missed: int, fakes: int, confidence: float = CONFIDENCE) -> float:
    """The miss rate that is not exceeded, with this confidence, after `missed` of `fakes` were missed.

    Raises ValueError unless 0 <= missed <= fakes and fakes > 0.
    """
    if fakes <= 0 or not 0 <= missed <= fakes:
        raise ValueError(
            f"nothing follows from {missed} missed of {fakes}: expected 0 <= missed <= fakes, fakes > 0"
        )
    interval = binomtest(missed, fakes, alternative="less").proportion_ci(confidence, method="exact")
    return float(interval.high)


def misses_allowed(fakes: int, miss: float, confidence: float = CONFIDENCE) -> int:
    """How many of `fakes` may be missed so that a miss rate of at most `miss` is certified.

    Raises ValueError when there are too few fakes for that even if none is missed; the text says how many it takes.
    """
    if not 0 < miss < 1:
        raise ValueError(f"a miss rate lies between 0 and 1: {miss} was asked for")
    if fakes <= 0 or miss_rate_bound(0, fakes, confidence) > miss:
        least = next(n for n in range(1, 1_000_000) if miss_rate_bound(0, n, confidence) <= miss)
        raise ValueError(
            f"{fakes} fakes cannot certify a miss rate of {miss:.1%}: it takes {least} without a miss"
        )
    allowed = 0
    while miss_rate_bound(allowed + 1, fakes, confidence) <= miss:
        allowed += 1
    return allowed
