"""Intervals of weighted rates: what two bundles would do among all submissions, from the ones whose label is known.

Each applicant is drawn with an exponential weight (the Bayesian bootstrap; Rubin 1981, Annals of Statistics 9), on top
of one over the chance that the row's label is known. An ordinary bootstrap fails where few audited fakes carry most of
the weight: a fake of a kind that the audit has not met yet is never drawn. So each of the four cells (flagged by both,
by one, by neither) also gets a pseudo-fake, as heavy as the rows are there on average. With equal weights the interval
of a rate is then Jeffreys' (Brown, Cai and DasGupta 2001, Statistical Science 16), and with weights it is the gamma
interval of Fay and Feuer (1997, Statistics in Medicine 16) with half a count instead of a whole one.
"""

from dataclasses import dataclass

import numpy as np

from estimation.weighted import effective_sample_size, require_weights
from ml.evaluation.metrics import Estimate

DRAWS = 2000
PSEUDO = 0.25  # of a row in each of four cells, so half a one for each outcome of one bundle
CHUNK = 2000  # applicants whose draws are in memory together
LEVELS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Selected:
    """Rows of one label whose label is known. weight: (N,) one over the chance of that, 1 or more; applicant: (N,)."""

    weight: np.ndarray
    applicant: np.ndarray

    @property
    def effective(self) -> float:
        """Kish's effective sample size; 0 for no row."""
        return effective_sample_size(self.weight.tolist()) if len(self.weight) else 0.0


@dataclass(frozen=True, slots=True)
class PairedRates:
    """Rates of the champion, of the candidate at each of S operating points, and the differences on the same rows."""

    champion: Estimate
    candidate: list[Estimate]
    difference: list[Estimate]


def typical_weights(weight: np.ndarray, flagged: np.ndarray) -> tuple[float, float]:
    """Mean weight of rows that the champion flags and of those that it clears, over both labels.

    weight: (N,); flagged: (N,) bool. Without a row that it clears the heaviest weight stands for it: such a sample says
    little about them, and its intervals must not be narrow.
    """
    heaviest = float(weight.max()) if len(weight) else 1.0
    return (
        float(weight[flagged].mean()) if flagged.any() else 1.0,
        float(weight[~flagged].mean()) if (~flagged).any() else heaviest,
    )


def paired_rates(
    rows: Selected,
    champion: np.ndarray,
    candidate: np.ndarray,
    typical: tuple[float, float],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    levels: tuple[float, float] = LEVELS,
) -> PairedRates | None:
    """Rates and intervals between two percentiles (`levels`); None for no row.

    Applicants are drawn whole, and the draws are equal for all points. champion: (N,) bool; candidate: (N, S) bool, at
    each operating point; typical: `typical_weights`. Raises ValueError unless weights are finite and 1 or more.
    """
    if not len(rows.weight):
        return None
    require_weights(rows.weight.tolist())
    weight = rows.weight[:, None]
    columns = np.concatenate([weight, weight * champion[:, None], weight * candidate], 1)
    columns = np.concatenate([columns, weight * (champion[:, None] & candidate)], 1)
    totals = columns.sum(0)[None]
    points = candidate.shape[1]
    value = _rates(totals, points, np.zeros((1, 4)))
    drawn = _rates(_drawn_totals(rows, columns, seed, draws), points, _pseudo_cells(typical, seed, draws))
    n = len(rows.weight)
    low, high = (np.percentile(drawn, level, axis=0) for level in levels)
    found = [
        Estimate(float(v), float(min(v, a)), float(max(v, b)), n)
        for v, a, b in zip(value[0], low, high, strict=True)
    ]
    return PairedRates(found[0], found[1 : points + 1], found[points + 1 :])


def complement(share: Estimate) -> Estimate:
    """Of what is not counted in `share`: a miss rate from a recall."""
    return Estimate(1 - share.value, 1 - share.high, 1 - share.low, share.n)


def _rates(totals: np.ndarray, points: int, pseudo: np.ndarray) -> np.ndarray:
    """(D, 1 + 2 S): the champion's rate, the candidate's, the differences. totals: (D, 2 + 2 S) of all rows, of the
    champion's, of the candidate's and of what both flag; pseudo: (D, 4) added to the cells both, champion's only,
    candidate's only, neither."""
    whole, first = totals[:, :1] + pseudo.sum(1, keepdims=True), totals[:, 1:2]
    second, both = totals[:, 2 : 2 + points], totals[:, 2 + points :]
    more = second - both + pseudo[:, 2:3]
    less = first - both + pseudo[:, 1:2]
    of_first = (first + pseudo[:, :2].sum(1, keepdims=True)) / whole
    of_second = (second + pseudo[:, ::2].sum(1, keepdims=True)) / whole
    return np.concatenate([of_first, of_second, (more - less) / whole], 1)


def _drawn_totals(rows: Selected, columns: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """(D, C) totals of the columns, each applicant's rows times one exponential draw."""
    _, number = np.unique(rows.applicant, return_inverse=True)
    by_applicant = np.zeros((int(number.max()) + 1, columns.shape[1]))
    np.add.at(by_applicant, number, columns)
    rng, totals = np.random.default_rng([seed, 1]), np.zeros((draws, columns.shape[1]))
    for start in range(0, len(by_applicant), CHUNK):
        part = by_applicant[start : start + CHUNK]
        totals += rng.standard_exponential((draws, len(part))) @ part
    return totals


def _pseudo_cells(typical: tuple[float, float], seed: int, draws: int) -> np.ndarray:
    """(D, 4) weights of the pseudo-rows of the cells both, champion's only, candidate's only, neither."""
    flagged, cleared = typical
    heavy = np.array([flagged, flagged, cleared, cleared])
    return np.random.default_rng([seed, 2]).gamma(PSEUDO, size=(draws, 4)) * heavy
