"""Rows to learn from: framed pixels, what is forged in them, and where; plain arrays, without what synthesis needs."""

from dataclasses import dataclass

import numpy as np

FULL = 200  # side in pixels to which the photograph's centre square is scaled
STORED = 176  # the middle of it that is kept
MASK = 44  # side of the stored mask


@dataclass(frozen=True, slots=True)
class Bank:
    """images (N, 176, 176, 3) uint8 RGB; masks (N, 44, 44) uint8; label (N,) 1 is fake; made (N,) bool: forged here;
    index (N,) photo; kind (N,) str; masked (N,) bool: the mask is known; difficulty (N,) float32, 0 is plain to see;
    strength (N,) float32: mean change inside the mask in grey levels, 0 for what was not made here; post (N,) str: what
    happened to the picture afterwards."""

    images: np.ndarray
    masks: np.ndarray
    label: np.ndarray
    made: np.ndarray
    index: np.ndarray
    kind: np.ndarray
    masked: np.ndarray
    difficulty: np.ndarray
    strength: np.ndarray
    post: np.ndarray
