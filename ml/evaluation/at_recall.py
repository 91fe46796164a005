"""How many genuine pictures the stack flags where it finds a given share of the synthesised forgeries."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ml.evaluation.metrics import share, threshold_for_miss_rate

RECALL = 0.75


def at_recall(
    forged: np.ndarray,
    genuine: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray],
    person: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Shares of genuine pictures at RECALL, with intervals for people, by kind of picture and set.

    forged: (M,) scores of synthesised forgeries. genuine, source, person: by kind of picture (as the file is, saved
    again), (N,) scores, names of sets and of people.
    """
    threshold = threshold_for_miss_rate(np.ones(len(forged), int), forged, 1 - RECALL)
    found: dict[str, Any] = {"recall": RECALL, "threshold": threshold}
    for kind, score in genuine.items():
        by_set = {
            name: share(score[rows] >= threshold, person[kind][rows]).as_dict()
            for name in sorted(set(source[kind]))
            if (rows := source[kind] == name).any()
        }
        found[kind] = by_set | {"mean_of_sets": float(np.mean([each["value"] for each in by_set.values()]))}
    return found
