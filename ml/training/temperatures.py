"""Temperatures: they turn logits of voters into calibrated probabilities."""

import numpy as np
import torch
from torch.nn import functional as F

from ml.training.stacking import balanced_weights, target_classes

TEMPERATURE_PRIOR_ROWS = 200  # rows that the temperature of the bundle before counts for


def fit_temperature(
    logits: np.ndarray,
    label: np.ndarray,
    row_weight: np.ndarray | None = None,
    soft: np.ndarray | None = None,
) -> float:
    """The temperature that minimises class-balanced cross-entropy (Guo et al., 2017), within 0.2 to 10. soft: (N,)
    probabilities of fake in place of labels."""
    x, y = torch.from_numpy(logits).float(), torch.from_numpy(label.astype(np.int64))
    weight, wanted, grid = balanced_weights(y, row_weight), target_classes(y, soft), np.geomspace(0.2, 10, 60)
    loss = [float((weight * F.cross_entropy(x / t, wanted, reduction="none")).mean()) for t in grid]
    return float(grid[int(np.argmin(loss))])


def shrunk_temperature(fitted: float, before: float, rows: int) -> float:
    """Mean of both temperatures' logarithms, in which `before` counts as TEMPERATURE_PRIOR_ROWS rows.

    Temperatures are positive factors, so they are averaged as logarithms. Raises ValueError unless both are above 0.
    """
    if min(fitted, before) <= 0:
        raise ValueError(f"temperatures must be above 0: found {fitted} and {before}")
    share = rows / (rows + TEMPERATURE_PRIOR_ROWS)
    return float(np.exp(share * np.log(fitted) + (1 - share) * np.log(before)))


def calibrated_probabilities(logits: np.ndarray, temperatures: list[float]) -> np.ndarray:
    """(N, 5) probabilities of fake from (N, 10) logits of the five voters."""
    pairs = torch.from_numpy(logits).float().view(len(logits), -1, 2)
    return (pairs / torch.tensor(temperatures)[None, :, None]).softmax(2)[:, :, 1].numpy()
