"""Rates among all submissions, estimated from the selected ones whose label is known.

Labels exist for what a model flagged (chance 1) and for what an audit drew (a small, stored chance). Counting each row
by one over its chance removes that selection from a rate (Hájek 1971; Särndal, Swensson and Wretman 1992, *Model
Assisted Survey Sampling*, 5.7). Counting rows equally instead is verification bias: whichever model chose what people
see looks better than it is (Begg and Greenes 1983, Biometrics 39, 207-215).
"""

import math
from collections.abc import Sequence

from estimation.intervals import CONFIDENCE, beta_quantile


def weighted_rate(hits: Sequence[bool], weights: Sequence[float]) -> float:
    """Hájek's estimate of the share of hits among all: sum of the hits' weights over the sum of weights.

    weights: one over the chance that a row's label is known, 1 or more. Raises ValueError for no row, a weight below 1
    or unequal lengths.
    """
    require_weights(weights)
    return math.fsum(w for hit, w in zip(hits, weights, strict=True) if hit) / math.fsum(weights)


def effective_sample_size(weights: Sequence[float]) -> float:
    """The number of equally weighted rows that say as much (Kish 1965, *Survey Sampling*, 11.7): (sum w)² / sum w².

    Raises ValueError for no row or a weight below 1.
    """
    require_weights(weights)
    return math.fsum(weights) ** 2 / math.fsum(w * w for w in weights)


def weighted_interval(
    hits: Sequence[bool], weights: Sequence[float], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Two-sided interval of `weighted_rate`; (0, 1) for no row. With equal weights it is Clopper and Pearson's, exact.

    The weight of all hits is taken as a gamma variable with the mean and the variance that it has if the hits are
    Poisson counts (Fay and Feuer 1997, Statistics in Medicine 16, 791-801), that of all others likewise; so the odds
    have a scaled F distribution. As there, one more row of the heaviest weight joins the hits for the upper limit, and
    the others for the lower one: it stands for a kind of row that the sample did not meet. Raises ValueError for
    weights as `weighted_rate` does.
    """
    if not weights:
        return 0.0, 1.0
    require_weights(weights)
    heaviest, tail = max(weights), (1 - confidence) / 2
    hit = [weight for is_hit, weight in zip(hits, weights, strict=True) if is_hit]
    miss = [weight for is_hit, weight in zip(hits, weights, strict=True) if not is_hit]
    lower = _share_quantile(tail, hit, [*miss, heaviest]) if hit else 0.0
    upper = _share_quantile(1 - tail, [*hit, heaviest], miss) if miss else 1.0
    return lower, upper


def _share_quantile(share: float, hit: Sequence[float], miss: Sequence[float]) -> float:
    """Quantile of H / (H + M) for independent gamma variables with mean sum(w) and variance sum(w²) of their rows."""
    (hit_shape, hit_scale), (miss_shape, miss_scale) = _gamma(hit), _gamma(miss)
    beta = beta_quantile(share, hit_shape, miss_shape)
    return hit_scale * beta / (hit_scale * beta + miss_scale * (1 - beta))


def _gamma(weights: Sequence[float]) -> tuple[float, float]:
    total, squares = math.fsum(weights), math.fsum(w * w for w in weights)
    return total * total / squares, squares / total


def require_weights(weights: Sequence[float]) -> None:
    """Raises ValueError unless there is a weight and each is finite and 1 or more."""
    if not weights:
        raise ValueError("a weighted rate needs at least one row")
    if not all(math.isfinite(w) and w >= 1 - 1e-9 for w in weights):
        raise ValueError("a weight must be 1 or more: one over the chance that the row's label is known")
