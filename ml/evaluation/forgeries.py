"""How well synthesised forgeries are separated from their own originals: pooled, by kind, strength and
post-processing."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ml.evaluation.metrics import auc, share

POOLED = ("swap", "mesh", "warp", "retouch")  # pooled in the first figure; the others are reported separately
STRENGTHS = (("weak", 0.0, 4.0), ("middle", 4.0, 15.0), ("strong", 15.0, np.inf))  # grey levels
LEAST = 10  # fewer pairs give no meaningful area


class Forged(Protocol):
    """(N,) columns as in `ml.training_rows.TrainingRows`."""

    @property
    def made(self) -> np.ndarray: ...
    @property
    def kind(self) -> np.ndarray: ...
    @property
    def strength(self) -> np.ndarray: ...
    @property
    def post(self) -> np.ndarray: ...


def forgeries(examples: Forged, score: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Areas under the ROC curve with intervals, and how often a forgery scores above its own original.

    Rows 2k, 2k+1 are such a pair: a made row's original lies before it. score, group: (N,), of the same rows.
    """
    made = np.flatnonzero(examples.made)
    parts = [kind.split("/") for kind in examples.kind[made]]
    way, region, seam = (np.array([p[k] for p in parts]) for k in range(3))
    strength, post = examples.strength[made], examples.post[made]
    blended = ~np.isin(way, ("warp", "retouch"))
    slices: dict[str, Mapping[str, np.ndarray]] = {
        "pooled": {"swap_warp_retouch": np.isin(way, POOLED), "all": np.ones(len(made), bool)},
        "by_way": {name: way == name for name in sorted(set(way))},
        "by_seam": {name: blended & (seam == name) for name in sorted(set(seam[blended]))},
        "by_region_of_swaps": {
            name: np.isin(way, ("swap", "mesh")) & (region == name) for name in sorted(set(region))
        },
        "by_strength": {name: (strength >= low) & (strength < high) for name, low, high in STRENGTHS},
        "by_aftermath": {name: post == name for name in sorted(set(post))},
    }
    slices["by_way_and_strength"] = {
        f"{name}_{level}": chosen & slices["by_strength"][level]
        for name, chosen in slices["by_way"].items()
        for level, _, _ in STRENGTHS
    }
    return {
        title: {
            name: _measured(made[rows], score, group) for name, rows in named.items() if rows.sum() >= LEAST
        }
        for title, named in slices.items()
    }


def _measured(made: np.ndarray, score: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    rows = np.concatenate([made, made - 1])
    label = np.repeat([1, 0], len(made))
    return {
        "auc": auc(label, score[rows], group[rows], draws=200).as_dict(),
        "told_apart": share(score[made] > score[made - 1], group[made]).as_dict(),
    }
