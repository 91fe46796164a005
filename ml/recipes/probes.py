"""Probes for data leakage: detectors that know only the file's header, or only its source.

A system that does no better than these has learned how the data were collected, not what a forgery looks like.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from ml.evaluation.file_facts import header_facts
from ml.evaluation.metrics import auc, missing
from ml.evaluation.outcome import source_only_probe
from ml.recipes.data import Divided, label_of

TREES = 200


def probes(divided: Divided, seed: int = 0) -> dict[str, Any]:
    """Areas under the ROC curve on the test side of a forest on headers and of the source's share of fakes in training.

    A set of one source has no source probe.
    """
    label = label_of(divided.photos)
    train, test = divided.on("train"), divided.on("test")
    headers = np.stack([header_facts(p.path.read_bytes()) for p in divided.photos])
    forest = RandomForestClassifier(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
    score = forest.fit(headers[train], label[train]).predict_proba(headers[test])[:, 1]
    source = np.array([p.source for p in divided.photos])
    return {
        "header_only_auc": auc(label[test], score, np.array(divided.group)[test]).as_dict(),
        "source_only_auc": source_only_probe(label[test], source[test], label[train], source[train])
        if len(set(source)) > 1
        else missing("all pictures are of one source"),
    }
