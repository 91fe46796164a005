"""A set's own fakes against its own genuine pictures, all as their files are.

`ml.evaluation.outcome` compares those fakes with its genuine pictures in both forms, as files and saved again, which
fakes that were not made here never are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.evaluation.metrics import auc, missing, resampled, share, threshold_for_miss_rate

RECALL = 0.75
DRAWS = 2000
AS_FILE = "file"


@dataclass(frozen=True, slots=True)
class Files:
    """N pictures of one side: (N,) score of fake, label (1 is fake), names of set and person, what was done to each
    (`post` of a store), whether it was forged here."""

    score: np.ndarray
    label: np.ndarray
    source: np.ndarray
    person: np.ndarray
    post: np.ndarray
    made: np.ndarray

    def of(self, source: str) -> np.ndarray:
        """(N,) bool: those of one set as their files are."""
        return (self.source == source) & (self.post == AS_FILE) & ~self.made


def own_files(validation: Files, test: Files) -> dict[str, Mapping[str, Any]]:
    """Of each set that brought fakes: on test, the area under the ROC curve, the accuracy at the cut that is best on
    validation, and the genuine pictures called fake where RECALL of the fakes are found."""
    sources = sorted(set(test.source[(test.label == 1) & ~test.made]))
    return {source: _of_set(validation, test, source) for source in sources}


def best_cut(score: np.ndarray, label: np.ndarray) -> float:
    """The lowest cut of the highest accuracy, where scores from the cut on are called fake. score, label: (N,)."""
    cuts = np.append(np.unique(score), np.inf)
    return float(cuts[np.argmax([((score >= cut) == (label == 1)).mean() for cut in cuts])])


def _of_set(validation: Files, test: Files, source: str) -> Mapping[str, Any]:
    chosen, rows = validation.of(source), test.of(source)
    if any(len(set(side.label[of])) < 2 for side, of in ((validation, chosen), (test, rows))):
        return missing("a side has files of one class only")
    cut = best_cut(validation.score[chosen], validation.label[chosen])
    score, fake, person = test.score[rows], test.label[rows] == 1, test.person[rows]
    # The cut is found again in each resample, so that its uncertainty counts.
    alarm = resampled({"share": _false_alarm}, test.label[rows], score, person, DRAWS)["share"]
    return {
        "auc": auc(test.label[rows], score, person).as_dict(),
        "cut_of_validation": cut,
        "accuracy": share((score >= cut) == fake, person).as_dict(),
        "recall": RECALL,
        "false_alarm_at_recall": alarm | {"n": int((~fake).sum())},
    }


def _false_alarm(label: np.ndarray, score: np.ndarray) -> float:
    fakes = score[label == 1]
    found = threshold_for_miss_rate(np.ones(len(fakes), int), fakes, 1 - RECALL)
    return float((score[label == 0] >= found).mean())
