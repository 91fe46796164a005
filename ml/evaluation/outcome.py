"""The performance of an ensemble on one side of the split, for the manifest."""

from typing import Any

import numpy as np

from ml.evaluation.metrics import auc, share
from ml.evaluation.votes import VoteTable

VOTERS = 5


def outcome(
    probability: np.ndarray,
    thresholds: np.ndarray,
    names: list[str],
    *,
    label: np.ndarray,
    source: np.ndarray,
    group: np.ndarray,
    own: np.ndarray,
) -> dict[str, Any]:
    """Metrics of five voters.

    probability: (N, 5) of fake; thresholds: (5,); label: (N,) 1 is fake; source, group: (N,) str, group
    naming people; own: (N,) bool, the fakes that a source brought itself (not made here). Each area compares
    fakes with reals of the same source, so that knowing the source gives no advantage.
    """
    real = label == 0
    report: dict[str, Any] = {"auc": {}, "false_alarm_by_source": {}, "votes": {}}
    for name, rows in compared_rows(real, source, own).items():
        if len(set(label[rows])) < 2:
            continue
        report["auc"][name] = {
            voter: auc(label[rows], probability[rows, k], group[rows]).as_dict()
            for k, voter in enumerate(names)
        } | {"mean_of_five": auc(label[rows], probability[rows].mean(1), group[rows]).as_dict()}
        report["votes"][name] = VoteTable.count(
            probability[rows], thresholds, label[rows], group[rows]
        ).as_dict()
    flagged = np.asarray((probability >= thresholds).any(1))
    for name in sorted(set(source)):
        rows = real & (source == name)
        if rows.any():
            report["false_alarm_by_source"][name] = share(flagged[rows], group[rows]).as_dict()
    report["votes"]["all"] = VoteTable.count(probability, thresholds, label, group).as_dict()
    return report


def compared_rows(real: np.ndarray, source: np.ndarray, own: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) bool by name of what is compared: a source's own fakes with its real pictures, all that were made here with
    theirs, and those of each source. real, own: (N,) bool; source: (N,) str."""
    return (
        {f"own_{name}": (source == name) & (real | own) for name in sorted(set(source[own]))}
        | {"made": ~own}
        | {f"made_{name}": ~own & (source == name) for name in sorted(set(source))}
    )


def source_only_probe(
    label: np.ndarray, source: np.ndarray, train_label: np.ndarray, train_source: np.ndarray
) -> float:
    """AUC on (label, source) of a detector that knows nothing but the source's share of fakes in training."""
    from sklearn.metrics import roc_auc_score

    share = {s: train_label[train_source == s].mean() for s in set(train_source)}
    return float(roc_auc_score(label, [share.get(s, 0.5) for s in source]))
