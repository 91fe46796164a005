"""T5's rows: drawn from the data store shard by shard, resampled within each shard, standardised one by one."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ml.balancing import Mixture, Setting, mixture
from ml.recipes.data import standardised
from ml.shards import Store

STACK_SHARE = 8  # one group in this many is withheld from the members for the stack to learn on


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


@dataclass(frozen=True, slots=True)
class Resampled:
    """Training rows, resampled all together or within each shard, again in every epoch as the document does.

    The document leaves SMOTE and undersampling unseeded; here both depend on seed, epoch and shard.
    """

    store: Store
    rows: np.ndarray
    setting: Setting
    seed: int
    by_shard: bool = False

    def in_epoch(self, epoch: int) -> FromStore:
        """Raises ValueError if a part has only one fake."""
        shard = self.store.shard[self.rows] if self.by_shard else np.zeros(len(self.rows), np.int64)
        parts = []
        for number in np.unique(shard):
            own = self.rows[shard == number]
            drawn = int(np.random.default_rng([self.seed, epoch, int(number)]).integers(2**31))
            images = partial(_images, self.store, own)
            part = mixture(self.store.label[own], images, self.setting, seed=drawn)
            parts.append((part.label, own[part.first], own[part.second], part.share))
        label, first, second, share = (np.concatenate(column) for column in zip(*parts, strict=True))
        return FromStore(self.store, Mixture(label, first, second, share))


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
