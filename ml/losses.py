"""Losses over logit pairs (real, fake), and the mask's."""

import torch
from torch import Tensor
from torch.nn import functional as F

GAMMA = 2.0
ALPHA = 0.25
SEAM_WEIGHT = 3.0


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    smoothing: float = 0.0,
    *,
    weight: Tensor | None = None,
    soft: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy. logits: (B, 2) float; target: (B,) int64, 1 is fake; weight: (B,) float, of each row.

    soft: (B,) float, the probability that the row is fake, which then counts in place of `target`.
    """
    wanted = target if soft is None else torch.stack([1 - soft, soft], 1)
    if weight is None:
        return F.cross_entropy(logits.float(), wanted, label_smoothing=smoothing)
    each = F.cross_entropy(logits.float(), wanted, label_smoothing=smoothing, reduction="none")
    return (weight * each).mean()


def focal(
    logits: Tensor,
    target: Tensor,
    gamma: float = GAMMA,
    alpha: float = ALPHA,
    *,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean focal loss of Lin et al. (2017), eq. 5: -alpha_t (1 - p_t)^gamma log p_t, alpha weighing the fakes.

    logits: (B, 2) float; target: (B,) int64, 1 is fake; weight: (B,) float, of each row.
    """
    log_p = F.log_softmax(logits.float(), 1).gather(1, target[:, None])[:, 0]
    each = -(torch.where(target == 1, alpha, 1 - alpha) * (1 - log_p.exp()) ** gamma * log_p)
    return each.mean() if weight is None else (weight * each).mean()


def focal_unweighted(logits: Tensor, target: Tensor, gamma: float = GAMMA, alpha: float = ALPHA) -> Tensor:
    """Mean focal loss as system T states it: -alpha (1 - p_t)^gamma log p_t, one alpha for both classes.

    logits: (B, 2) float; target: (B,) int64, 1 is fake.
    """
    log_p = F.log_softmax(logits.float(), 1).gather(1, target[:, None])[:, 0]
    return -(alpha * (1 - log_p.exp()) ** gamma * log_p).mean()


def pair_margin(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, soft: Tensor | None = None
) -> Tensor:
    """Mean of log(1 + exp(-(fake's score - its original's))), for batches whose rows 2k, 2k+1 are such pairs.

    A score is the difference of the pair of logits; rows of equal label are left out; 0 when no pair is left.
    A pair has the product of its rows' weights, because it was drawn with the product of their probabilities.
    soft: (B,) float, the probability that a row is fake. The pair counts by the difference of the two: by how much more
    probable its order is than the reverse.
    """
    score = (logits[:, 1] - logits[:, 0]).float().view(-1, 2)
    sign = (target.view(-1, 2)[:, 1] - target.view(-1, 2)[:, 0]).float()
    kept = sign != 0
    if not kept.any():
        return score.sum() * 0
    each = F.softplus(-(score[:, 1] - score[:, 0]) * sign)
    if soft is not None:
        pairs = soft.view(-1, 2)
        each = each * ((pairs[:, 1] - pairs[:, 0]) * sign).clamp(min=0)
    return (each if weight is None else each * weight.view(-1, 2).prod(1))[kept].mean()


def edit_loss(logits: Tensor, mask: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy per cell over the rows whose mask is known: is it edited, and does the edit end here?

    A cell's targets are its mean mask m, and 4 m (1 - m), which has three times the weight: even a well-made
    edit has a seam (Face X-ray, Li et al., 2020); its inside shows what does not belong. logits: (B, 2, h,
    w), inside and seam; mask: (B, H, W) float in 0..1, H a multiple of h; known: (B,) bool.
    """
    mean = F.avg_pool2d(mask[:, None], mask.shape[-1] // logits.shape[-1])
    target = torch.cat([mean, 4 * mean * (1 - mean)], 1)
    weight = torch.tensor([1.0, SEAM_WEIGHT])[:, None, None]
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none", pos_weight=weight)
    return (each.mean((1, 2, 3)) * known).sum() / known.sum().clamp(min=1)
