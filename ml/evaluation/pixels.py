"""Quality of a mask. outputs: (N, 1, H, W) logits that a pixel was forged; target: the same shape in 0..1."""

import numpy as np
import torch
from torch import Tensor

from detection.auxiliary.model import top_mean
from estimation.intervals import wilson as wilson_interval
from ml.evaluation.metrics import FEW, Estimate, wilson

DRAWS = 1000


def pixel_figures(outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Share of correct pixels over all pictures, and the mean F1 of forged pictures, both at one half."""
    right = float(((outputs > 0) == (target > 0.5)).float().mean())
    each = f1_each(outputs, target)
    return {"pixel_accuracy": right, "pixel_f1": float(each.mean()) if len(each) else 0.0}


def f1_each(outputs: Tensor, target: Tensor) -> np.ndarray:
    """F1 = 2TP / (2TP + FP + FN) of each picture with a forged pixel: (M,) float32."""
    called, forged = (outputs > 0).flatten(1), (target > 0.5).flatten(1)
    some = forged.any(1)
    hit = (called & forged).sum(1)[some].float()
    total = (called.sum(1) + forged.sum(1))[some].float()
    return np.asarray((2 * hit / total.clamp(min=1)).numpy())


def mean_over(outputs: Tensor, target: Tensor, group: np.ndarray | None = None) -> Estimate:
    """Mean F1 of forged pictures with an interval over people. group: (N,) whose picture each is, None for one each.

    A seeded bootstrap; with few people, or equal values that leave it no width, at least Wilson's interval of a share
    with that mean and as many people, because a value in 0..1 varies at most as much as a share does.
    Raises ValueError when no picture is forged.
    """
    each = f1_each(outputs, target)
    if not len(each):
        raise ValueError("F1 needs a picture with a forged pixel: found none")
    forged = np.asarray((target > 0.5).flatten(1).any(1))
    _, number = np.unique(np.arange(len(forged)) if group is None else group, return_inverse=True)
    _, own = np.unique(number[forged], return_inverse=True)
    people, mean = int(own.max()) + 1, float(each.mean())
    total, count = np.bincount(own, each), np.bincount(own)
    drawn = np.random.default_rng(0).integers(people, size=(DRAWS, people))
    low, high = np.quantile(total[drawn].sum(1) / count[drawn].sum(1), (0.025, 0.975))
    if people < FEW or low == high:
        wide = wilson_interval(mean * people, people)
        low, high = min(low, wide[0]), max(high, wide[1])
    return Estimate(mean, float(low), float(high), len(each))


def image_score(outputs: Tensor) -> np.ndarray:
    """A picture's probability of fake from its mask, (N,) float64: mean of the highest 2 % of pixel probabilities."""
    return np.asarray(top_mean(torch.sigmoid(outputs.double())).numpy())


def pointing(outputs: Tensor, target: Tensor) -> np.ndarray:
    """Whether each picture's most suspect pixel is a forged one: (N,) bool."""
    best = outputs.flatten(1).argmax(1)
    return np.asarray((target.flatten(1)[torch.arange(len(best)), best] > 0.5).numpy())


def position_only(masks: Tensor, target: Tensor) -> dict[str, object]:
    """The same figures for one constant mask: where edits were in training, cut where F1 is best there. Eyes,
    nose and mouth are in the middle, so a network must beat this to have learned anything.

    masks: (M, 1, H, W) of forged training pictures. target: (N, 1, H, W); untouched pictures are ignored.
    """
    mean = masks.mean(0, keepdim=True)
    cuts = [float(c) for c in torch.linspace(0.05, 0.95, 19) * mean.max()]
    best = max(cuts, key=lambda cut: mean_over((mean - cut).expand_as(masks), masks).value)
    same = (mean - best).expand_as(target)
    forged = (target > 0.5).flatten(1).any(1)
    hit = pointing(same[forged], target[forged])
    return {
        "pixel_f1_by_position_only": mean_over(same, target).as_dict(),
        "most_suspect_pixel_by_position_only": wilson(int(hit.sum()), len(hit)).as_dict(),
    }
