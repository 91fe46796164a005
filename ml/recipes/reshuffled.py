"""A split that is shuffled again at every pass, and what a nearest neighbour reaches under it.

`tf.data` shuffles again at each pass unless told otherwise, so `take` and `skip` after a shuffle do not divide a set:
four fifths of the "validation" pictures of any epoch were trained on in an epoch before. System T's figures for its
plain CNN are fractions of 192 and 217 pictures, which such a split gives and no 80:10:10 split of files does (175/192
= 91.15 %, 195/217 = 89.86 %); that it was split in this way is inferred, the document does not show the line.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from ml.evaluation.metrics import Estimate
from ml.recipes.data import Augment, Prepared

SHARES = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
THUMBNAIL = 32
DRAWS = 100


@dataclass(frozen=True, slots=True)
class Reshuffled:
    """One part of a set that is shuffled again for every epoch and part. inputs: (N, H, W, 3) uint8; label: (N,)."""

    inputs: np.ndarray
    label: np.ndarray
    part: str
    seed: int
    augment: Augment | None = None

    def in_epoch(self, epoch: int) -> Prepared:
        return Prepared(
            self.inputs, self.label, drawn(len(self.label), self.part, self.seed, epoch), self.augment
        )


def drawn(count: int, part: str, seed: int, epoch: int) -> np.ndarray:
    """Row numbers of a part ("train", "validation" or "test") in one epoch, of `count` rows."""
    first, last = (round(share * count) for share in SHARES[part])
    return np.random.default_rng([seed, list(SHARES).index(part), epoch]).permutation(count)[first:last]


def thumbnails(inputs: np.ndarray) -> np.ndarray:
    """(N, 3072) float32 of pictures (N, H, W, 3) uint8, each reduced to 32 x 32 pixels."""
    size = (THUMBNAIL, THUMBNAIL)
    small = [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in inputs]
    return np.stack(small).reshape(len(inputs), -1).astype(np.float32)


def neighbours_call(small: np.ndarray, label: np.ndarray, train: np.ndarray, held: np.ndarray) -> np.ndarray:
    """(len(held),) the label of each row's nearest training row. small: (N, D); train, held: row numbers."""
    nearest = KNeighborsClassifier(1).fit(small[train], label[train])
    return np.asarray(nearest.predict(small[held]))


def neighbour_under_reshuffling(small: np.ndarray, label: np.ndarray, seed: int) -> Estimate:
    """Accuracy of the nearest neighbour on "validation" rows drawn from all: the mean of DRAWS draws and the range
    that holds 95 % of them; n is the size of one draw."""
    train = drawn(len(label), "train", seed, 0)
    predicted = neighbours_call(small, label, train, np.arange(len(label)))
    right = predicted == label
    each = [right[drawn(len(label), "validation", seed, k)].mean() for k in range(DRAWS)]
    low, high = np.quantile(each, (0.025, 0.975))
    return Estimate(float(np.mean(each)), float(low), float(high), len(drawn(len(label), "validation", 0, 0)))
