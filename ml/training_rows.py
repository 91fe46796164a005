"""Training rows: framed pixels, labels and masks, as plain arrays without the dependencies of synthesis."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

FULL = 200  # side in pixels to which the photograph's centre square is scaled
STORED = 176  # the middle of it that is kept
MASK = 44  # side of the stored mask


class ImageRows(Protocol):
    """An array, or an object that supports reading single rows: rows[row] or rows[row, ...]."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """images (N, 176, 176, 3) uint8 RGB; masks (N, 44, 44) uint8; label (N,) 1 is fake; made (N,) bool:
    forged here; index (N,) photo; kind (N,) str; masked (N,) bool: the mask is known; difficulty (N,)
    float32, 0 is obvious; strength (N,) float32: mean change inside the mask in grey levels, 0 for rows not
    made here; post (N,) str: the post-processing of the picture."""

    images: ImageRows
    masks: np.ndarray
    label: np.ndarray
    made: np.ndarray
    index: np.ndarray
    kind: np.ndarray
    masked: np.ndarray
    difficulty: np.ndarray
    strength: np.ndarray
    post: np.ndarray


class ConcatenatedImages:
    """The images of several parts as one array of rows, without copying."""

    def __init__(self, parts: Sequence[ImageRows]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, at: Any) -> np.ndarray:
        """joined[row] or joined[row, ...], from the part that holds the row."""
        row, *rest = at if isinstance(at, tuple) else (at,)
        part = int(np.searchsorted(self.starts, row, "right")) - 1
        return np.asarray(self.parts[part][(row - self.starts[part], *rest)])


def concatenate(parts: Sequence[TrainingRows]) -> TrainingRows:
    """All rows, in order."""
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(TrainingRows)
        if field.name != "images"
    }
    return TrainingRows(images=ConcatenatedImages([part.images for part in parts]), **columns)
