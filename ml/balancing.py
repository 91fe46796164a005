"""Resampling of training rows in pixel space: the four settings of the voting workflow (T5).

SMOTE (Chawla et al., 2002) interpolates between neighbouring fakes; on pixels it cross-fades faces, which is
why the shipped bundle does not use it. It is kept to reproduce the document. Only training rows may be
resampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors


@dataclass(frozen=True, slots=True)
class Setting:
    """The balancing of one member. smote, under: minority/majority ratio to reach, None to leave out; 1.0
    balances."""

    smote: float | None
    under: float | None
    focal: bool


SETTINGS: dict[int, Setting] = {
    1: Setting(smote=1.0, under=None, focal=False),
    2: Setting(smote=0.4, under=0.5, focal=True),
    3: Setting(smote=0.1, under=0.5, focal=True),
    4: Setting(smote=0.1, under=0.5, focal=False),
}


# How a voter of a candidate learns; "pairs" synthesises nothing. The others are the four settings of the
# document.
PAIRS = "pairs"
WAYS: dict[str, Setting | None] = {
    PAIRS: None,
    "smote": SETTINGS[1],
    "smote-under-focal": SETTINGS[2],
    "under-focal": SETTINGS[3],
    "under": SETTINGS[4],
}
DOCUMENT = "document"  # the four settings, one for each voter


def balance_names(wished: str, voters: int) -> list[str]:
    """Parses the way of each voter: "document", one name for all, or comma-separated names. Raises ValueError."""
    names = [name for name in WAYS if name != PAIRS] if wished == DOCUMENT else wished.split(",")
    names = names * voters if len(names) == 1 else names
    if unknown := sorted(set(names) - set(WAYS)):
        raise ValueError(
            f"{', '.join(unknown)} is not a balancing method: choose from {', '.join([DOCUMENT, *WAYS])}"
        )
    if len(names) != voters:
        raise ValueError(
            f"{wished} names {len(names)} ways to balance for {voters} voters: name one or {voters}"
        )
    return names


@dataclass(frozen=True, slots=True)
class Balance:
    """The training rows of a voter: count of each label including synthetic fakes, how many are synthetic,
    and the share of fakes it is shown."""

    real: int
    fake: int
    made: int
    shown_fake: float


def balance_of(way: str, real: int, fake: int) -> Balance:
    """The counts after resampling. If fakes are not the rarer label, nothing is resampled."""
    setting, made = WAYS[way], 0
    if setting is None:
        return Balance(real, fake, 0, 0.5)
    if 2 <= fake <= real:
        made = max(0, int((setting.smote or 0.0) * real) - fake)
        fake += made
        if setting.under is not None and fake / real < setting.under:
            real = int(fake / setting.under)
    return Balance(real, fake, made, round(fake / (real + fake), 4))


def resample(
    images: np.ndarray, label: np.ndarray, setting: Setting, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Resampled rows, SMOTE first and undersampling after it, as in the document.

    images: (N, H, W, 3) uint8; label: (N,) 1 is fake. A ratio that the rows already reach is skipped. Returns
    the same shapes and dtypes. Raises ValueError when the rarer class has fewer than two rows.
    """
    flat, shape = images.reshape(len(images), -1), images.shape[1:]
    label = label.astype(np.int64)
    rare = int(np.bincount(label, minlength=2).min())
    if rare < 2:
        raise ValueError(f"resampling needs two rows of each class: the rarer one has {rare}")
    if setting.smote is not None and _lacks(label, setting.smote):
        near = min(5, rare - 1)
        flat, label = SMOTE(
            sampling_strategy=setting.smote, k_neighbors=near, random_state=seed
        ).fit_resample(flat.astype(np.float32), label)
    if setting.under is not None and _ratio(label) < setting.under:
        flat, label = RandomUnderSampler(sampling_strategy=setting.under, random_state=seed).fit_resample(
            flat, label
        )
    return np.clip(np.round(flat), 0, 255).astype(np.uint8).reshape(-1, *shape), label


def _lacks(label: np.ndarray, ratio: float) -> bool:
    """Whether whole rows are missing until the ratio is reached."""
    counts = np.bincount(label, minlength=2)
    return int(ratio * counts.max()) > int(counts.min())


def _ratio(label: np.ndarray) -> float:
    counts = np.bincount(label, minlength=2)
    return float(counts.min() / counts.max())


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rows after resampling, not yet computed. Row i is `first[i]` moved by `share[i]` of the way to
    `second[i]`.

    first, second: (M,) int64 rows of the original set; share: (M,) float32, 0 for a row that is taken as it is.
    """

    label: np.ndarray
    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def batch(self, rows: np.ndarray, images: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """(B, H, W, 3) uint8 of some resampled rows. images(original rows): (B, H, W, 3) uint8."""
        out = np.array(images(self.first[rows]))
        mixed = np.flatnonzero(self.share[rows])
        if len(mixed):
            near, far = out[mixed].astype(np.float32), images(self.second[rows[mixed]]).astype(np.float32)
            moved = near + self.share[rows[mixed]][:, None, None, None] * (far - near)
            out[mixed] = np.clip(np.round(moved), 0, 255).astype(np.uint8)
        return out


class PixelNeighbours(BaseEstimator):
    """Nearest neighbours for SMOTE on row numbers: row i of a query stands for picture i."""

    def __init__(self, pixels: np.ndarray, n_neighbors: int) -> None:
        self.pixels = pixels
        self.n_neighbors = n_neighbors

    def __sklearn_clone__(self) -> "PixelNeighbours":
        return self  # the pictures are not copied

    def fit(self, X: csr_matrix, y: None = None) -> "PixelNeighbours":
        self.search = NearestNeighbors(n_neighbors=self.n_neighbors).fit(self.pixels)
        return self

    def kneighbors(self, X: csr_matrix, return_distance: bool = True) -> np.ndarray:
        found: np.ndarray = self.search.kneighbors(self.pixels, return_distance=return_distance)
        return found

    def kneighbors_graph(self, X: csr_matrix) -> csr_matrix:
        return self.search.kneighbors_graph(self.pixels)


def mixture(
    label: np.ndarray,
    images: Callable[[np.ndarray], np.ndarray],
    setting: Setting,
    *,
    seed: int = 0,
) -> Mixture:
    """The same resampling as `resample`, row for row, with only the fakes in memory and the new rows made when drawn.

    imbalanced-learn receives unit vectors instead of the fakes' pixels, so its new rows are the shares of the
    two fakes they lie between. label: (N,) 1 is fake, the rarer class; images(rows): (B, H, W, 3) uint8.
    Raises ValueError when there are fewer than two fakes or more fakes than reals.
    """
    label = label.astype(np.int64)
    fakes = np.flatnonzero(label == 1)
    if not 2 <= len(fakes) <= len(label) / 2:
        raise ValueError(
            f"resampling needs two fakes or more, fewer than reals: found {len(fakes)} of {len(label)}"
        )
    everything = np.arange(len(label))
    rows = Mixture(label, everything, everything, np.zeros(len(label), np.float32))
    if setting.smote is not None and _lacks(label, setting.smote):
        rows = _smote(label, fakes, images(fakes).reshape(len(fakes), -1), setting.smote, seed)
    if setting.under is not None and _ratio(rows.label) < setting.under:
        kept, _ = RandomUnderSampler(sampling_strategy=setting.under, random_state=seed).fit_resample(
            np.arange(len(rows))[:, None], rows.label
        )
        k = kept[:, 0]
        rows = Mixture(rows.label[k], rows.first[k], rows.second[k], rows.share[k])
    return rows


def _smote(label: np.ndarray, fakes: np.ndarray, pixels: np.ndarray, ratio: float, seed: int) -> Mixture:
    units = csr_matrix((np.ones(len(fakes)), (fakes, np.arange(len(fakes)))), (len(label), len(fakes)))
    near = PixelNeighbours(pixels.astype(np.float32), min(5, len(fakes) - 1) + 1)
    shares, new = SMOTE(sampling_strategy=ratio, k_neighbors=near, random_state=seed).fit_resample(
        units, label
    )
    made = csr_matrix(shares)[len(label) :]
    # A new row holds two shares that sum to one, or a single one if it coincides with a fake.
    begin, end = made.indptr[:-1], made.indptr[1:] - 1
    first, second = fakes[made.indices[begin]], fakes[made.indices[end]]
    share = np.where(begin == end, 0, made.data[end]).astype(np.float32)
    everything = np.arange(len(label))
    return Mixture(
        np.asarray(new),
        np.concatenate([everything, first]),
        np.concatenate([everything, second]),
        np.concatenate([np.zeros(len(label), np.float32), share]),
    )
