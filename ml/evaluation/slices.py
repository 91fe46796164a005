"""Performance by source and, for RFF, by edited region and stated difficulty."""

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ml.evaluation.metrics import auc, missing, share
from ml.sources.rff import FLAGS, regions_of

DIFFICULTIES = ("easy", "mid", "hard")
LEAST = 5  # fewer fakes give no meaningful row


def by_source(
    label: np.ndarray, flagged: np.ndarray, source: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    """Source -> recall of its fakes, false alarms on its reals, over people. label, group: (N,); flagged: (N,) bool;
    source: (N,) str."""
    rows: dict[str, Any] = {}
    for name in sorted(set(source)):
        here: dict[str, Any] = {}
        for title, value in (("recall", 1), ("false_alarm", 0)):
            chosen = (source == name) & (label == value)
            if chosen.any():
                here[title] = share(flagged[chosen], group[chosen]).as_dict()
        rows[name] = here
    return rows


def of_rff(
    key: list[str], label: np.ndarray, score: np.ndarray, flagged: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    """For RFF's fakes by region and difficulty: recall, and the area against RFF's reals. Empty without RFF."""
    inside = np.array([k.startswith("rff/") for k in key])
    fake, real = inside & (label == 1), inside & (label == 0)
    if not fake.any() or not real.any():
        return {}
    stems = [PurePosixPath(k).stem for k in key]
    regions = [regions_of(s) if f else () for s, f in zip(stems, fake, strict=True)]
    slices = {f"region: {flag.replace('_', ' ')}": [flag in r for r in regions] for flag in FLAGS}
    slices |= {f"{n} of 4 regions": [len(r) == n for r in regions] for n in range(1, 5)}
    slices |= {f"difficulty: {name}": [s.startswith(f"{name}_") for s in stems] for name in DIFFICULTIES}
    found: dict[str, Any] = {}
    for name, members in slices.items():
        chosen = fake & np.array(members)
        if chosen.sum() >= LEAST:
            both = chosen | real
            found[name] = {
                "recall": share(flagged[chosen], group[chosen]).as_dict(),
                "auc": auc(label[both], score[both], group[both]).as_dict(),
            }
        elif chosen.any():
            found[name] = dict.fromkeys(("recall", "auc"), missing(f"fewer than {LEAST} fakes"))
    return found
