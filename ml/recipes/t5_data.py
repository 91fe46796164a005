"""T5's rows: drawn from the data store shard by shard, resampled within each shard, standardised one by one."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ml.balancing import Mixture, Setting, mixture
from ml.shards import Store

STACK_SHARE = 8  # one group in this many is withheld from the members for the stack to learn on
TINY = 1e-6  # as Keras does to avoid division by zero


def standardised(images: np.ndarray) -> Tensor:
    """(B, 3, S, S) float32 from (B, S, S, 3) uint8: each picture by its own mean and deviation."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    mean, deviation = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True, correction=0)
    return (x - mean) / (deviation + TINY)


@dataclass(frozen=True, slots=True)
class FromStore:
    """Rows of a store, or mixtures of them, as `loop.Examples`."""

    store: Store
    rows: Mixture

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        images = self.rows.batch(rows, self.store.images)
        return standardised(images), torch.from_numpy(self.rows.label[rows])


def plain(store: Store, rows: np.ndarray) -> FromStore:
    """These rows of the store as they are."""
    return FromStore(store, Mixture(store.label[rows], rows, rows, np.zeros(len(rows), np.float32)))


def resampled(
    store: Store, rows: np.ndarray, setting: Setting, seed: int, *, by_shard: bool = False
) -> FromStore:
    """Training rows, resampled all together or within each shard. Raises ValueError if there is only one fake."""
    shard = store.shard[rows] if by_shard else np.zeros(len(rows), np.int64)
    parts = []
    for number in np.unique(shard):
        own = rows[shard == number]
        images = partial(_images, store, own)
        part = mixture(store.label[own], images, setting, seed=seed + int(number))
        parts.append((part.label, own[part.first], own[part.second], part.share))
    label, first, second, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    return FromStore(store, Mixture(label, first, second, share))


def _images(store: Store, own: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return store.images(own[rows])


def kept_for_the_stack(rows: np.ndarray, group: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(len(rows),) bool: an eighth of the groups of each class. group, label: of the rows."""
    chosen: set[str] = set()
    for value in (0, 1):
        names = sorted(
            set(group[label == value]), key=lambda g: hashlib.sha256(f"stack:{g}".encode()).digest()
        )
        chosen.update(names[: -(-len(names) // STACK_SHARE)])
    return np.isin(group, sorted(chosen))
