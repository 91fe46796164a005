"""Chooses donors: a similar face of another person, on the same side of the split and from the same source.

The same source, so that a detector cannot recognise a mixture of two sources.
"""

import numpy as np

from ml.synthesis.measure import Measures


def shape_features(measures: Measures) -> np.ndarray:
    """(N, 13) float32: ten principal components of the face's shape in its own frame, and three of its tone."""
    points = measures.points.astype(np.float32)
    centred = points - points.mean(1, keepdims=True)
    scale = np.sqrt((centred**2).mean((1, 2), keepdims=True)) + 1e-6
    flat = (centred / scale).reshape(len(points), -1)
    flat -= flat.mean(0)
    _, _, directions = np.linalg.svd(flat[:: max(1, len(flat) // 2000)], full_matrices=False)
    shape = flat @ directions[:10].T
    shape /= shape.std(0).max() + 1e-6
    return np.concatenate([3 * shape, measures.tone / 64], 1).astype(np.float32)


def neighbours(features: np.ndarray, pool: np.ndarray, groups: np.ndarray, count: int = 20) -> np.ndarray:
    """(len(pool), count) indices into the features: the nearest of another group within `pool` (indices)."""
    inside = features[pool]
    distance = ((inside[:, None] - inside[None]) ** 2).sum(-1) if len(pool) < 400 else _squared(inside)
    distance[groups[pool][:, None] == groups[pool][None]] = np.inf
    count = min(count, len(pool) - 1)
    if count < 1:
        raise ValueError("a side of the split holds fewer than two faces: no donor can be found")
    return pool[np.argsort(distance, axis=1)[:, :count]]


def _squared(rows: np.ndarray) -> np.ndarray:
    square = (rows**2).sum(1)
    return square[:, None] + square[None] - 2 * rows @ rows.T
