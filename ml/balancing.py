"""Resampling of training rows in pixel space: the four settings of the voting workflow (T5).

SMOTE (Chawla et al., 2002) interpolates between neighbouring fakes; on pixels it cross-fades faces, which is why the
shipped bundle does not use it. It stays for the documented reproduction. Only training rows may be resampled.
"""

from dataclasses import dataclass

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler


@dataclass(frozen=True, slots=True)
class Setting:
    """One member's way to learn. smote, under: minority/majority ratio to reach, None to leave out; 1.0 balances."""

    smote: float | None
    under: float | None
    focal: bool


SETTINGS: dict[int, Setting] = {
    1: Setting(smote=1.0, under=None, focal=False),
    2: Setting(smote=0.4, under=0.5, focal=True),
    3: Setting(smote=0.1, under=0.5, focal=True),
    4: Setting(smote=0.1, under=0.5, focal=False),
}


def resample(
    images: np.ndarray, label: np.ndarray, setting: Setting, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Resampled rows, SMOTE first and undersampling after it, as in the document.

    images: (N, H, W, 3) uint8; label: (N,) 1 is fake. A ratio that the rows already reach is left out. Returns the same
    shapes and dtypes. Raises ValueError when the rarer class has fewer than two rows.
    """
    flat, shape = images.reshape(len(images), -1), images.shape[1:]
    label = label.astype(np.int64)
    rare = int(np.bincount(label, minlength=2).min())
    if rare < 2:
        raise ValueError(f"resampling needs two rows of each class: the rarer one has {rare}")
    if setting.smote is not None and _ratio(label) < setting.smote:
        near = min(5, rare - 1)
        flat, label = SMOTE(
            sampling_strategy=setting.smote, k_neighbors=near, random_state=seed
        ).fit_resample(flat.astype(np.float32), label)
    if setting.under is not None and _ratio(label) < setting.under:
        flat, label = RandomUnderSampler(sampling_strategy=setting.under, random_state=seed).fit_resample(
            flat, label
        )
    return np.clip(np.round(flat), 0, 255).astype(np.uint8).reshape(-1, *shape), label


def _ratio(label: np.ndarray) -> float:
    counts = np.bincount(label, minlength=2)
    return float(counts.min() / counts.max())
