"""What else than the edit tells forged from genuine files: forests on side facts alone.

An area near 0.5 says that the fact gives the class away no more than chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from ml.evaluation.file_facts import FACTS
from ml.evaluation.metrics import auc

TREES = 200


@dataclass(frozen=True, slots=True)
class FileRows:
    """N files: facts (N, 192) of `file_facts`; label (N,) 1 is fake; source and group (N,) str, the set and the
    person."""

    facts: np.ndarray
    label: np.ndarray
    source: np.ndarray
    group: np.ndarray

    def only(self, rows: np.ndarray) -> "FileRows":
        """Some of them. rows: (N,) bool."""
        return FileRows(self.facts[rows], self.label[rows], self.source[rows], self.group[rows])


def mix_probes(
    learned: FileRows, held_out: Mapping[str, FileRows], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Of each fact, and of each held-out part, the area under the ROC curve of a forest that learned from `learned` and
    knows that fact alone. Raises ValueError where a part has one class only."""
    names = sorted({*learned.source, *(name for rows in held_out.values() for name in rows.source)})
    columns = {**FACTS, "the set": slice(-1, None), "all of them": slice(0, None)}
    seen = _with_source(learned, names)
    found: dict[str, dict[str, Any]] = {}
    for fact, chosen in columns.items():
        forest = RandomForestClassifier(TREES, min_samples_leaf=5, random_state=seed, n_jobs=1)
        forest.fit(seen[:, chosen], learned.label)
        found[fact] = {
            part: auc(
                rows.label, forest.predict_proba(_with_source(rows, names)[:, chosen])[:, 1], rows.group
            ).as_dict()
            for part, rows in held_out.items()
        }
    return found


def _with_source(rows: FileRows, names: Sequence[str]) -> np.ndarray:
    number = [names.index(name) for name in rows.source]
    return np.column_stack([rows.facts, number])
