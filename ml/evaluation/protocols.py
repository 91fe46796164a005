"""The votes evaluated under system T's two rules, and honestly. Tables are `VoteTable`s."""

from typing import Any

import numpy as np

from ml.evaluation.metrics import Estimate, wilson
from ml.evaluation.votes import VoteTable

REPORTED = {
    "validation_recall": 0.9625,
    "validation_precision": 0.1321,
    "test_recall": 0.9167,
    "test_precision": 0.3928,
}
MIXTURE = (960, 1081, 202_599)  # fakes, RFF's reals, CelebA's
DRAWS = 500
# Its test table: (cleared, to a human, unanimous fake) of 80 fakes and of 20,400 reals.
DOCUMENT = VoteTable(fake=(5, 20, 55), real=(19_859, 456, 85))


def documented(validation: VoteTable, test: VoteTable) -> dict[str, Any]:
    """Recall and precision as the document computes them.

    On validation a single vote of *fake* is a call. On test only unanimous votes are calls, and submissions
    that go to a person are in neither rate. A rate with denominator zero is None.
    """
    caught, false = sum(validation.fake[1:]), sum(validation.real[1:])
    return {
        "validation_recall": _share(caught, sum(validation.fake)),
        "validation_precision": _share(caught, caught + false),
        "test_recall": _share(test.fake[2], test.fake[2] + test.fake[0]),
        "test_precision": _share(test.fake[2], test.fake[2] + test.real[2]),
    }


def honest(table: VoteTable) -> dict[str, Any]:
    """Recall over all fakes, with and without people; fakes among the cleared; review load."""
    cleared = table.fake[0] + table.real[0]
    return {
        "recall_with_human": table.recall_with_human.as_dict(),
        "recall_unanimous": table.recall_unanimous.as_dict(),
        "review_load": table.review_load.as_dict(),
        "false_alarm": table.false_alarm.as_dict(),
        "fakes_in_the_cleared_pile": _share(table.fake[0], cleared),
        "unanimous_calls_that_are_right": _share(table.fake[2], table.fake[2] + table.real[2]),
    }


def load_in_the_document(
    label: np.ndarray, flagged: np.ndarray, rff: np.ndarray, group: np.ndarray
) -> Estimate:
    """Review load with these rates in the document's own mixture of fakes, RFF's reals and other reals.

    label: (N,) 1 is fake; flagged: (N,) bool, to a person; rff: (N,) bool, from RFF; group: (N,). The interval
    resamples groups. Raises ValueError when one of the three kinds is missing.
    """
    kinds = [label == 1, (label == 0) & rff, (label == 0) & ~rff]
    if not all(kind.any() for kind in kinds):
        raise ValueError("the document's mixture needs fakes, reals from RFF and reals from elsewhere")
    _, number = np.unique(group, return_inverse=True)
    seen = np.stack([np.bincount(number, kind) for kind in kinds])
    found = np.stack([np.bincount(number, kind & flagged) for kind in kinds])
    mixture = np.array(MIXTURE) / sum(MIXTURE)
    rng, groups = np.random.default_rng(0), seen.shape[1]
    drawn = []
    for _ in range(DRAWS):
        weight = np.bincount(rng.integers(groups, size=groups), minlength=groups)
        if (seen @ weight).all():
            drawn.append(mixture @ ((found @ weight) / (seen @ weight)))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(mixture @ (found.sum(1) / seen.sum(1))), float(low), float(high), len(label))


def _share(hits: int, n: int) -> dict[str, Any] | None:
    return wilson(hits, n).as_dict() if n else None


def knows_only_the_source(fakes: int, reals_of_the_fakes_source: int) -> dict[str, Estimate]:
    """Recall and precision of a detector that calls everything *fake* that comes from where the fakes come from."""
    return {
        "recall": wilson(fakes, fakes),
        "precision": wilson(fakes, fakes + reals_of_the_fakes_source),
    }
