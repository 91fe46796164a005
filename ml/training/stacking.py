"""The fifth voter and the operating point: what is learned and chosen after the members are frozen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from detection.networks.stacking import Stacking
from ml.evaluation.metrics import threshold_for_miss_rate

EDGE = 1e-4  # thresholds stay inside the open interval that a bundle allows
PULL = 1e-3  # the penalty that draws a stack back to where it began
# The same for a candidate: a stack that serves already was fitted on thousands of rows, and a few dozen decisions, some
# of them wrong, must not undo that (measured in ml/EXPERIMENTS.md).
CANDIDATE_PULL = 10.0
TEMPERATURE_PRIOR_ROWS = 200  # rows that the temperature of the bundle before counts for
THRESHOLD_FAKES_MIN = 60  # with fewer validation fakes no threshold is chosen on them
LIFT = 4.0  # members' logits seldom reach it


@torch.no_grad()
def raise_logits(network: nn.Module, by: float = LIFT) -> None:
    """Adds `by` to both of a ConvNeXt's logits, in place.

    Its probabilities stay; but the stack begins with a ReLU, and what a member says with two negative logits was lost
    to it (measured: area on RFF 0.63 before, 0.69 after).
    """
    for name, bias in network.named_parameters():
        if name.endswith("head.fc.bias"):
            bias.add_(by)


def fit_stack(
    logits: np.ndarray,
    label: np.ndarray,
    *,
    start: Stacking | None = None,
    pull: float = PULL,
    row_weight: np.ndarray | None = None,
    soft: np.ndarray | None = None,
) -> Stacking:
    """A stack fitted by class-balanced cross-entropy on outputs of members that never saw these rows.

    logits: (N, 8) float32, real and fake of each member in turn; label: (N,) 1 is fake; row_weight: (N,), mean 1 within
    each label (`ml.inverse_probability`); soft: (N,) the probability that a row is fake, in place of its label. `start`
    is where to begin and what the penalty `pull` draws back to; without it, the mean of the members.
    """
    stack = start or mean_of_members()
    anchor = [p.detach().clone() for p in stack.parameters()]
    x, y = torch.from_numpy(logits).float(), torch.from_numpy(label.astype(np.int64))
    weight, wanted = _balanced(y, row_weight), _targets(y, soft)
    optimiser = torch.optim.LBFGS(stack.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (weight * F.cross_entropy(stack(x), wanted, reduction="none")).mean()
        drawn = sum(((p - a) ** 2).sum() for p, a in zip(stack.parameters(), anchor, strict=True))
        loss = loss + pull * drawn
        loss.backward()
        return loss

    optimiser.step(closure)
    return stack.eval()


def shrunk_temperature(fitted: float, before: float, rows: int) -> float:
    """Mean of both temperatures' logarithms, in which `before` counts as TEMPERATURE_PRIOR_ROWS rows.

    Temperatures are positive factors, so they are averaged as logarithms. Raises ValueError unless both are above 0.
    """
    if min(fitted, before) <= 0:
        raise ValueError(f"temperatures must be above 0: found {fitted} and {before}")
    share = rows / (rows + TEMPERATURE_PRIOR_ROWS)
    return float(np.exp(share * np.log(fitted) + (1 - share) * np.log(before)))


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


def mean_of_members() -> Stacking:
    """A stack whose logits are the means of the members'."""
    stack = Stacking()
    with torch.no_grad():
        stack.linear.weight.zero_()
        stack.linear.bias.zero_()
        stack.linear.weight[0, 0::2] = 0.25
        stack.linear.weight[1, 1::2] = 0.25
    return stack


def _balanced(y: torch.Tensor, row_weight: np.ndarray | None) -> torch.Tensor:
    """(N,) weights of rows, with which both labels count equally."""
    weight = (len(y) / (2 * torch.bincount(y, minlength=2).clamp(min=1).float()))[y]
    return weight if row_weight is None else weight * torch.from_numpy(row_weight).float()


def _targets(y: torch.Tensor, soft: np.ndarray | None) -> torch.Tensor:
    """Labels (N,), or (N, 2) probabilities of real and fake."""
    if soft is None:
        return y
    fake = torch.from_numpy(soft).float()
    return torch.stack([1 - fake, fake], 1)


def fit_temperature(
    logits: np.ndarray,
    label: np.ndarray,
    row_weight: np.ndarray | None = None,
    soft: np.ndarray | None = None,
) -> float:
    """The temperature that minimises class-balanced cross-entropy (Guo et al., 2017), within 0.2 to 10. soft: (N,)
    probabilities of fake in place of labels."""
    x, y = torch.from_numpy(logits).float(), torch.from_numpy(label.astype(np.int64))
    weight, wanted, grid = _balanced(y, row_weight), _targets(y, soft), np.geomspace(0.2, 10, 60)
    loss = [float((weight * F.cross_entropy(x / t, wanted, reduction="none")).mean()) for t in grid]
    return float(grid[int(np.argmin(loss))])


def calibrated_probabilities(logits: np.ndarray, temperatures: list[float]) -> np.ndarray:
    """(N, 5) probabilities of fake from (N, 10) logits of the five voters."""
    pairs = torch.from_numpy(logits).float().view(len(logits), -1, 2)
    return (pairs / torch.tensor(temperatures)[None, :, None]).softmax(2)[:, :, 1].numpy()


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
