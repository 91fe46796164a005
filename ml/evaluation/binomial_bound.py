"""What a number of fakes can certify about the miss rate, without assumptions on the scores.

The exact one-sided binomial bound (Clopper and Pearson, 1934). It holds for forgeries like those counted and for
nothing else, and for thresholds that were not chosen on them: of those it is too low, for it does not know the choice.
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
