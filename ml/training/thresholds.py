"""Thresholds of the five votes: at which probability of fake each of them flags a selfie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.evaluation.metrics import threshold_for_miss_rate

EDGE = 1e-4  # thresholds stay inside the open interval that a bundle allows
THRESHOLD_FAKES_MIN = 60  # with fewer validation fakes no threshold is chosen on them


def choose_thresholds(probability: np.ndarray, label: np.ndarray, miss: float) -> np.ndarray:
    """(5,) thresholds at one miss rate a member, the largest at which all five together miss at most `miss`.

    Each lies midway between the lowest fake that it finds and the next lower score: on the fake itself, rounding of
    another processor would decide. probability: (N, 5); a fake is missed when every vote is below its threshold.
    Raises ValueError without fakes.
    """
    fakes = probability[label == 1]
    best = np.array([threshold_for_miss_rate(label, column, 0.0) for column in probability.T])
    for each in np.linspace(0.005, 0.95, 190):
        tried = np.array([threshold_for_miss_rate(label, column, each) for column in probability.T])
        if (fakes < tried).all(1).mean() > miss:
            break
        best = tried
    midway = [midway_below(column, threshold) for column, threshold in zip(probability.T, best, strict=True)]
    return np.clip(midway, EDGE, 1 - EDGE)


@dataclass(frozen=True, slots=True)
class MissLimit:
    """Of the fakes `rows`, (N,) bool, all five votes together may miss at most the share `miss`."""

    rows: np.ndarray
    miss: float


def choose_jointly(
    probability: np.ndarray, label: np.ndarray, limits: Sequence[MissLimit], *, source: np.ndarray
) -> np.ndarray:
    """(5,) thresholds: one miss rate for the members and one for the stack, chosen together.

    Among the pairs of rates that keep all limits, the pair with the fewest false alarms, averaged over sources, is
    taken: a weak member then need not flag as many as the stack. Rates are those of the first limit's fakes.
    probability: (N, 5); label: (N,) 1 is fake; source: (N,) of each row. Thresholds lie midway below a fake, as in
    `choose_thresholds`. Raises ValueError without fakes, or when no pair of rates keeps all limits.
    """
    held, real = probability[limits[0].rows], label == 0
    rates = np.linspace(0, 0.98, 99)
    ones = np.ones(len(held), int)
    tried = np.array(
        [[threshold_for_miss_rate(ones, column, rate) for column in held.T] for rate in rates]
    )  # (R, 5)
    below = probability[None, :, :-1] < tried[:, None, :-1]
    members_pass: np.ndarray = np.logical_and.reduce(below, axis=2)  # (R, N)
    stack_passes = probability[None, :, -1] < tried[:, None, -1]
    missed = [_both_pass(members_pass, stack_passes, limit.rows) for limit in limits]
    is_allowed = np.logical_and.reduce(
        [share <= limit.miss for share, limit in zip(missed, limits, strict=True)]
    )
    if not is_allowed.any():
        raise ValueError("no thresholds keep all limits of missed fakes: allow more to be missed")
    names, number = np.unique(source[real], return_inverse=True)
    weight = 1 / (np.bincount(number)[number] * len(names))
    cleared = (members_pass[:, real] * weight) @ stack_passes[:, real].T.astype(float)
    allowed = np.where(is_allowed, cleared, -1.0)
    best = np.argwhere(allowed >= allowed.max() - 1e-12)
    of_members, of_stack = best[np.argmin(missed[0][tuple(best.T)])]
    chosen = [*tried[of_members, :-1], tried[of_stack, -1]]
    midway = [
        midway_below(column, threshold) for column, threshold in zip(probability.T, chosen, strict=True)
    ]
    return np.clip(midway, EDGE, 1 - EDGE)


def _both_pass(members: np.ndarray, stack: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(R, R) share of rows below the thresholds of both. members, stack: (R, N) bool at each rate."""
    return np.asarray(members[:, rows].astype(float) @ stack[:, rows].T.astype(float) / rows.sum())


def midway_below(score: np.ndarray, threshold: float) -> float:
    """The middle between a threshold and the highest score below it, which calls no row otherwise. score: (N,)."""
    lower = score[score < threshold]
    return float((threshold + lower.max()) / 2) if len(lower) else threshold / 2


def matched_thresholds(
    probability: np.ndarray, before: np.ndarray, thresholds: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """(5,) thresholds with which these votes together flag at most the share of rows that the bundle before flags.

    Its thresholds themselves cannot be kept: training moves the scale of every member's scores, and the same numbers
    then flag all rows or none. Each vote gets the share that it flagged before, times one factor for all five. Labels
    are not used, so a few dozen rows are enough. probability, before: (N, 5) of the candidate and of the bundle before,
    on the same rows; thresholds: (5,) of the bundle before; weight: (N,).
    """
    counts = np.ones(len(probability)) if weight is None else weight.astype(float)
    counts = counts / counts.sum()
    flagged = before >= thresholds
    most = counts[flagged.any(1)].sum() + 1e-9
    shares = counts @ flagged
    for factor in np.linspace(2, 0, 201):
        pairs = zip(probability.T, np.minimum(shares * factor, 1), strict=True)
        found = np.array([_flagging(column, counts, share) for column, share in pairs])
        if counts[(probability >= found).any(1)].sum() <= most:
            break
    return np.clip(found, EDGE, 1 - EDGE)


def _flagging(score: np.ndarray, counts: np.ndarray, share: float) -> float:
    """The lowest threshold that at most `share` of the rows reach, midway between two scores. score, counts: (N,)."""
    order = np.argsort(-score, kind="stable")
    ranked = np.array([1.0, *score[order], 0.0])
    flagged = int((np.cumsum(counts[order]) <= share + 1e-9).sum())
    while flagged and ranked[flagged] == ranked[flagged + 1]:  # rows with one score are flagged together
        flagged -= 1
    return float((ranked[flagged] + ranked[flagged + 1]) / 2)


def shrunk_thresholds(chosen: np.ndarray, matched: np.ndarray, fakes: int, fakes_before: int) -> np.ndarray:
    """(5,) thresholds: `matched` with fewer than THRESHOLD_FAKES_MIN validation fakes, else the mean on the logit
    scale, in which each counts by the number of fakes that it was chosen on.

    chosen, matched (of `matched_thresholds`): (5,) from 0 to 1, both excluded.
    """
    if fakes < THRESHOLD_FAKES_MIN:
        return matched
    share = fakes / (fakes + fakes_before)
    logit = share * np.log(chosen / (1 - chosen)) + (1 - share) * np.log(matched / (1 - matched))
    return np.asarray(np.clip(1 / (1 + np.exp(-logit)), EDGE, 1 - EDGE))
