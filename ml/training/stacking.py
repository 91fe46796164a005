"""The stacking model, the fifth voter: it is fitted on outputs of frozen members."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from detection.bundle import MEMBERS
from detection.networks.stacking import Stacking

PULL = 1e-3  # the penalty that draws a stack back to where it began
# The same for a candidate: a stack that serves already was fitted on thousands of rows, and a few dozen decisions, some
# of them wrong, must not undo that (measured in ml/EXPERIMENTS.md).
CANDIDATE_PULL = 10.0
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

    logits: (N, 8) float32, real and fake of each member in turn, or (N, 10) with those of a `StackInput`; label: (N,)
    1 is fake; row_weight: (N,), mean 1 within each label (`ml.inverse_probability`); soft: (N,) the probability that a
    row is fake, in place of its label. `start` is where to begin and what the penalty `pull` draws back to; without it,
    the mean of the members.
    """
    stack = start or mean_of_members(logits.shape[1] // 2 > MEMBERS)
    anchor = [p.detach().clone() for p in stack.parameters()]
    x, y = torch.from_numpy(logits).float(), torch.from_numpy(label.astype(np.int64))
    weight, wanted = balanced_weights(y, row_weight), target_classes(y, soft)
    optimiser = torch.optim.LBFGS(stack.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (weight * F.cross_entropy(stack(x), wanted, reduction="none")).mean()
        drawn = sum(((p - a) ** 2).sum() for p, a in zip(stack.parameters(), anchor, strict=True))
        loss = loss + pull * drawn
        loss.backward()
        return loss

    optimiser.step(closure)
    if logits.shape[1] // 2 > MEMBERS:
        _only_towards_fake(stack)
    return stack.eval()


@torch.no_grad()
def _only_towards_fake(stack: Stacking) -> None:
    """Traces of an edit may count for nothing, never for *real*, whatever a few decisions seem to say."""
    for column in stack.linear.weight.T[-2:]:
        if column[1] < column[0]:
            column.fill_(float(column.mean()))


def mean_of_members(has_input: bool = False) -> Stacking:
    """A stack whose logits are the means of the members', plus those of the `StackInput` where there is one."""
    stack = Stacking(MEMBERS + has_input)
    with torch.no_grad():
        stack.linear.weight.zero_()
        stack.linear.bias.zero_()
        stack.linear.weight[0, 0::2] = 1 / MEMBERS
        stack.linear.weight[1, 1::2] = 1 / MEMBERS
        if has_input:
            stack.linear.weight[:, -2:] = torch.eye(2)
    return stack


def balanced_weights(y: torch.Tensor, row_weight: np.ndarray | None) -> torch.Tensor:
    """(N,) weights of rows, with which both labels count equally."""
    weight = (len(y) / (2 * torch.bincount(y, minlength=2).clamp(min=1).float()))[y]
    return weight if row_weight is None else weight * torch.from_numpy(row_weight).float()


def target_classes(y: torch.Tensor, soft: np.ndarray | None) -> torch.Tensor:
    """Labels (N,), or (N, 2) probabilities of real and fake."""
    if soft is None:
        return y
    fake = torch.from_numpy(soft).float()
    return torch.stack([1 - fake, fake], 1)
