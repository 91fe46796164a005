"""Intervals and bounds of shares. Shares are from 0 to 1."""

import math
from dataclasses import dataclass
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)
CONFIDENCE = 0.95
BISECTIONS = 60  # more than the precision of a double
FRACTION_STEPS = 10_000  # about the square root of the larger parameter is needed


def wilson(hits: float, total: float, z: float = Z_95) -> tuple[float, float]:
    """Score interval of the share hits/total (Wilson 1927, JASA 22, 209-212), two-sided, 95 % unless `z` says else.

    Both may be fractions, counts divided by a design effect. Raises ValueError unless 0 <= hits <= total and total > 0.
    """
    if total <= 0 or not 0 <= hits <= total:
        raise ValueError(f"no share of {hits} in {total}: expected 0 <= hits <= total and total > 0")
    share, z2 = hits / total, z * z
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Rate:
    """`right` of `total`, with its Wilson interval at 95 %."""

    right: int
    total: int

    @property
    def value(self) -> float | None:
        """None where nothing was counted."""
        return self.right / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """0 to 1 where nothing was counted."""
        return wilson(self.right, self.total) if self.total else (0.0, 1.0)


def clopper_pearson_upper(found: int, total: int, confidence: float = CONFIDENCE) -> float:
    """The largest share that `found` of `total` does not contradict: a one-sided, exact bound.

    Clopper and Pearson (1934, Biometrika 26, 404-413): the p at which P(X <= found) = 1 - confidence for X binomial of
    (total, p), by bisection. 1 when nothing was counted. Raises ValueError unless 0 <= found <= total.
    """
    if not 0 <= found <= total:
        raise ValueError(f"{found} cannot be found in {total}: expected 0 <= found <= total")
    if found == total:
        return 1.0
    low, high = found / total, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _binomial_cdf(found, total, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _binomial_cdf(found: int, total: int, p: float) -> float:
    """P(X <= found), its terms summed from their logarithms, so that none overflows."""
    if p >= 1.0:
        return 0.0
    yes, no = math.log(p) if p else -math.inf, math.log1p(-p)
    logs = [
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        + (k * yes if k else 0.0)
        + (total - k) * no
        for k in range(found + 1)
    ]
    top = max(logs)
    return math.exp(top) * math.fsum(math.exp(value - top) for value in logs)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x from 0 to 1 below which a beta variable of (a, b) lies with probability `share`; by bisection.

    Raises ValueError unless a and b are positive and `share` is from 0 to 1.
    """
    if not (a > 0 and b > 0 and 0 <= share <= 1):
        raise ValueError(f"no quantile {share} of a beta variable of ({a}, {b})")
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other tail converges faster
        return 1.0 - beta_cdf(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return min(1.0, math.exp(log_front) / (a * _beta_fraction(x, a, b)))


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)), by the method of Lentz and Thompson."""
    tiny, value, numerator, denominator = 1e-300, 1.0, 1.0, 0.0
    for step in range(1, FRACTION_STEPS):
        m = step // 2
        if step % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / ((1 + d * denominator) or tiny)
        numerator = (1 + d / numerator) or tiny
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-15:
            break
    return value


def clopper_pearson_lower(found: int, total: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact lower bound on a share of which `found` of `total` were found; 0 without any.

    Raises ValueError as `clopper_pearson_upper` does.
    """
    return 0.0 if not total else 1 - clopper_pearson_upper(total - found, total, confidence)
