"""What else than the edit tells forged from genuine pictures of the training mix: forests on side facts alone.

An area near 0.5 says that the fact gives the class away no more than chance. Sharpness is measured on the border of
the picture, which no edit of a face reaches, so that it is a fact of the file and not of the edit.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from ml.evaluation.metrics import auc
from ml.pictures import PictureStore

TREES = 200
PAIRS = 1000  # of training and of validation, at most
BORDER = 0.08  # of the short side
FACTS: Mapping[str, slice] = {
    "size": slice(0, 2),
    "sharpness": slice(2, 4),
    "compression": slice(4, 5),
    "light and colour": slice(5, 8),
    "source": slice(8, 9),
}


def side_facts(image: np.ndarray, source: int) -> np.ndarray:
    """(9,) float64: width, height, fine and coarse sharpness, blockiness and mean colour of the border, and the source.

    image: (H, W, 3) uint8 RGB; source: its number.
    """
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    margin = max(8, round(BORDER * min(height, width)))
    border = np.ones((height, width), bool)
    border[margin:-margin, margin:-margin] = False
    fine = np.abs(cv2.Laplacian(grey, cv2.CV_32F))[border]
    coarse = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2.0))[border]
    steps = np.abs(np.diff(grey, axis=1))
    at_edge = np.arange(width - 1) % 8 == 7
    inside = border[:, 1:]
    blocks = steps[:, at_edge][inside[:, at_edge]].mean() - steps[:, ~at_edge][inside[:, ~at_edge]].mean()
    return np.array(
        [width, height, fine.mean(), coarse.mean(), blocks, *image[border].mean(0), source], np.float64
    )


def mix_probes(
    train: PictureStore,
    validation: PictureStore,
    sources: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Areas under the ROC curve on validation's pairs of forests that learned from training's pairs.

    sources: (N,) str of each store's rows; groups: (N,) str, the person in validation's rows.
    """
    names = sorted(set(sources[0]) | set(sources[1]))
    sides = []
    for store, source in zip((train, validation), sources, strict=True):
        forged = np.flatnonzero(store.columns["made"])
        if len(forged) > PAIRS:
            forged = np.sort(np.random.default_rng(seed).choice(forged, PAIRS, replace=False))
        rows = np.stack([forged - 1, forged], 1).ravel()
        facts = np.stack([side_facts(store.image(int(row)), names.index(source[row])) for row in rows])
        sides.append((facts, store.columns["label"][rows], rows))
    (seen, label, _), (held_out, wanted, rows) = sides
    found = {}
    for name, columns in {**FACTS, "all of them": slice(0, None)}.items():
        forest = RandomForestClassifier(TREES, min_samples_leaf=5, random_state=seed, n_jobs=1)
        score = forest.fit(seen[:, columns], label).predict_proba(held_out[:, columns])[:, 1]
        found[name] = auc(wanted, score, groups[rows]).as_dict()
    return found
