"""Batches of pairs: a real face and its forged version side by side, cropped and mirrored in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from detection.preprocess import standardise
from ml.balancing import Mixture, Setting, mixture
from ml.training_rows import MASK, STORED, TrainingRows

CELL = STORED // MASK  # pixels of the image per mask cell


@dataclass(frozen=True, slots=True)
class Batch:
    """images (B, 3, S, S) float32 standardised per sample; label (B,) int64; mask (B, S/4, S/4) float32; known (B,);
    weight (B,) float32 of each row in the loss, 1 where all count equally; soft (B,) float32: the probability that the
    row is fake, None where labels are certain."""

    images: Tensor
    label: Tensor
    mask: Tensor
    known: Tensor
    weight: Tensor
    soft: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """A copy of all tensors on `device`."""
        soft = None if self.soft is None else self.soft.to(device)
        tensors = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "soft"}
        return Batch(**{name: tensor.to(device) for name, tensor in tensors.items()}, soft=soft)


class PairSampler:
    """Draws batches of pairs (real, forged), and of the source's own fakes with a real of the same source."""

    def __init__(
        self,
        examples: TrainingRows,
        source: np.ndarray,
        *,
        own_share: float = 0.0,
        seed: int = 0,
        weight: np.ndarray | None = None,
        soft: np.ndarray | None = None,
    ):
        """source: (N,) name of each row. own_share: part of the pairs that show a source's own fake. weight: (N,);
        soft: (N,) float32, the probability that a row is fake."""
        self.examples, self.soft = examples, soft
        self.weight = np.ones(len(examples.label), np.float32) if weight is None else weight
        self.rng = np.random.default_rng(seed)
        forged = np.flatnonzero(examples.made)
        self.pairs = np.stack([forged - 1, forged], 1)
        self.own = np.flatnonzero((examples.label == 1) & ~examples.made)
        reals = np.flatnonzero(examples.label == 0)
        if not len(reals) or not (len(self.pairs) or len(self.own)):
            raise ValueError("the examples lack real or forged rows: nothing can be learned from it")
        self.real_of = {}
        for name in set(source[self.own]):
            same = reals[source[reals] == name]
            self.real_of[name] = same if len(same) else reals
        self.source = source
        self.own_share = 0.0 if not len(self.own) else own_share if len(self.pairs) else 1.0

    def rows(self, size: int, hardest: float = 1.0) -> np.ndarray:
        """(size,) row numbers, real and fake in turn; pairs harder than `hardest` are left out."""
        count = size // 2
        own = self.rng.binomial(count, self.own_share)
        pairs = self.pairs[self.examples.difficulty[self.pairs[:, 1]] <= hardest]
        pairs = pairs if len(pairs) else self.pairs
        drawn = self.rng.choice(pairs, count - own) if own < count else self.pairs[:0]
        fakes = self.own[self.rng.integers(len(self.own), size=own)] if own else np.empty(0, int)
        reals = [self.rng.choice(self.real_of[self.source[row]]) for row in fakes]
        extra = np.stack([np.array(reals, int), fakes], 1)
        return np.concatenate([drawn, extra]).ravel()

    def draw(self, size: int, side: int, hardest: float = 1.0) -> Batch:
        """One augmented batch of `size` rows seen through a random window of `side` px."""
        rows = self.rows(size, hardest)
        soft = None if self.soft is None else torch.from_numpy(self.soft[rows])
        weight = torch.from_numpy(self.weight[rows])
        return replace(assemble_batch(self.examples, rows, side, self.rng), weight=weight, soft=soft)


class ResampledSampler:
    """Draws single rows after SMOTE and undersampling (`ml.balancing`), each with a window of its own.

    Where fakes are not the rarer label there is nothing to resample, and rows are drawn as they are. Neighbours are
    looked for in every fourth pixel of every fourth line, which decides as well and takes a sixteenth of the memory.
    """

    def __init__(
        self,
        examples: TrainingRows,
        setting: Setting,
        *,
        seed: int = 0,
        weight: np.ndarray | None = None,
        soft: np.ndarray | None = None,
    ):
        """weight: (N,) of the rows; soft: (N,) the probability that a row is fake. A made row has those of its
        two, mixed as their pixels are."""
        self.examples, self.rng = examples, np.random.default_rng(seed)
        fakes = int((examples.label == 1).sum())
        if 2 <= fakes <= len(examples.label) / 2:
            self.rows = mixture(examples.label, lambda rows: self._pixels(rows, 4), setting, seed=seed)
        else:
            everything = np.arange(len(examples.label))
            self.rows = Mixture(
                examples.label.astype(np.int64), everything, everything, np.zeros(len(everything), np.float32)
            )
        known = np.ones(len(examples.label), np.float32) if weight is None else weight
        near, far = known[self.rows.first], known[self.rows.second]
        self.weight = (near + self.rows.share * (far - near)).astype(np.float32)
        self.soft = None
        if soft is not None:
            near, far = soft[self.rows.first], soft[self.rows.second]
            self.soft = (near + self.rows.share * (far - near)).astype(np.float32)

    def draw(self, size: int, side: int, hardest: float = 1.0) -> Batch:
        """One augmented batch of `size` rows; `hardest` is for forgeries made here, of which there are none."""
        drawn = self.rng.integers(len(self.rows), size=size)
        at = self.rows.first[drawn]
        mixed = replace(
            self.examples,
            images=self.rows.batch(drawn, self._pixels),
            masks=self.examples.masks[at],
            label=self.rows.label[drawn].astype(np.float32),
            masked=np.zeros(size, bool),
        )
        batch = assemble_batch(mixed, np.arange(size), side, self.rng, pairs=False)
        soft = None if self.soft is None else torch.from_numpy(self.soft[drawn])
        return replace(batch, weight=torch.from_numpy(self.weight[drawn]), soft=soft)

    def _pixels(self, rows: np.ndarray, step: int = 1) -> np.ndarray:
        return np.stack([self.examples.images[int(row), ::step, ::step] for row in rows])


def assemble_batch(
    examples: TrainingRows,
    rows: Sequence[int] | np.ndarray,
    side: int,
    rng: np.random.Generator | None = None,
    *,
    pairs: bool = True,
) -> Batch:
    """Rows as a batch: the middle window without `rng`; with it, a random window and mirror for each pair, or row."""
    slack = examples.masks.shape[1] - side // CELL
    images = np.empty((len(rows), side, side, 3), np.uint8)
    masks = np.empty((len(rows), side // CELL, side // CELL), np.uint8)
    x = y = slack // 2
    mirror = False
    for k, row in enumerate(rows):
        if rng is not None and (k % 2 == 0 or not pairs):
            low, high = max(0, slack // 2 - 5), min(slack, slack // 2 + 5)
            x, y = (int(v) for v in rng.integers(low, high + 1, 2))
            mirror = bool(rng.integers(2))
        image = examples.images[row, y * CELL : y * CELL + side, x * CELL : x * CELL + side]
        mask = examples.masks[row, y : y + side // CELL, x : x + side // CELL]
        images[k] = image[:, ::-1] if mirror else image
        masks[k] = mask[:, ::-1] if mirror else mask
    return Batch(
        images=standardise(torch.from_numpy(images)),
        label=torch.from_numpy(examples.label[rows].astype(np.int64)),
        mask=torch.from_numpy(masks).float() / 255,
        known=torch.from_numpy(examples.masked[rows]),
        weight=torch.ones(len(rows)),
    )
