"""The votes evaluated under system T's two rules, and honestly. Tables are `VoteTable`s."""

from typing import Any

import numpy as np

from ml.evaluation.metrics import Estimate, missing, share, wilson
from ml.evaluation.votes import VoteTable

REPORTED = {
    "validation_recall": 0.9625,
    "validation_precision": 0.1321,
    "test_recall": 0.9167,
    "test_precision": 0.3928,
    "validation_any_fake_precision_in_the_documents_mixture": 0.1321,
    "test_any_fake_load_in_the_documents_mixture": 616 / 20_480,
    "test_unanimous_precision_in_the_documents_mixture": 55 / 140,
}
MIXTURE = (960, 1081, 202_599)  # fakes, RFF's reals, CelebA's
# Its test table: (cleared, to a human, unanimous fake) of 80 fakes and of 20,400 reals.
DOCUMENT = VoteTable(fake=(5, 20, 55), real=(19_859, 456, 85))


def documented(validation: VoteTable, test: VoteTable) -> dict[str, Any]:
    """Recall and precision as the document computes them.

    On validation a single vote of *fake* is a call. On test only unanimous votes are calls, and submissions
    that go to a person are in neither rate. A rate with denominator zero is missing and says why. Intervals are over
    pictures, as the document counts them.
    """
    caught, false = sum(validation.fake[1:]), sum(validation.real[1:])
    return {
        "validation_recall": _share(caught, sum(validation.fake), "no fake on this side"),
        "validation_precision": _share(caught, caught + false, "nothing was called fake"),
        "test_recall": _share(test.fake[2], test.fake[2] + test.fake[0], "every fake went to a person"),
        "test_precision": _share(test.fake[2], test.fake[2] + test.real[2], "no unanimous call"),
    }


def honest(table: VoteTable) -> dict[str, Any]:
    """Recall over all fakes, with and without people; fakes among the cleared; review load."""
    cleared = table.fake[0] + table.real[0]
    return {
        "recall_with_human": table.recall_with_human.as_dict(),
        "recall_unanimous": table.recall_unanimous.as_dict(),
        "review_load": table.review_load.as_dict(),
        "false_alarm": table.false_alarm.as_dict(),
        "fakes_in_the_cleared_pile": _share(table.fake[0], cleared, "nothing was cleared"),
        "unanimous_calls_that_are_right": _share(
            table.fake[2], table.fake[2] + table.real[2], "no unanimous call"
        ),
    }


def in_the_document(
    label: np.ndarray, flagged: np.ndarray, rff: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    """Load and precision of a flag with these rates in the document's mixture of fakes, RFF's reals and other reals.

    label: (N,) 1 is fake; flagged: (N,) bool; rff: (N,) bool, from RFF; group: (N,) people. The load's interval
    combines the rates' Wilson intervals (Zou and Donner, 2008), so it does not collapse when a rate is 0; that of the
    precision takes the worst of them together. Both figures are missing when one of the three kinds is.
    """
    kinds = [label == 1, (label == 0) & rff, (label == 0) & ~rff]
    if not all(kind.any() for kind in kinds):
        absent = missing("needs fakes, reals from RFF and reals from elsewhere")
        return {"load": absent, "precision": absent}
    each = [share(flagged[kind], group[kind]) for kind in kinds]
    weight = np.array(MIXTURE) / sum(MIXTURE)
    value, low, high = (weight * [getattr(r, name) for r in each] for name in ("value", "low", "high"))
    load = Estimate(
        float(value.sum()),
        max(0.0, float(value.sum() - np.linalg.norm(value - low))),
        min(1.0, float(value.sum() + np.linalg.norm(high - value))),
        len(label),
    )
    if not flagged.any():
        return {"load": load.as_dict(), "precision": missing("nothing was called fake")}
    precision = Estimate(
        float(value[0] / value.sum()),
        float(low[0] / (low[0] + high[1:].sum())),
        float(high[0] / (high[0] + low[1:].sum())),
        int(flagged.sum()),
    )
    return {"load": load.as_dict(), "precision": precision.as_dict()}


def _share(hits: int, n: int, otherwise: str) -> dict[str, Any]:
    return wilson(hits, n).as_dict() if n else missing(otherwise)


def knows_only_the_source(fakes: int, reals_of_the_fakes_source: int) -> dict[str, Estimate]:
    """Recall and precision of a detector that calls everything *fake* that comes from where the fakes come from."""
    return {
        "recall": wilson(fakes, fakes),
        "precision": wilson(fakes, fakes + reals_of_the_fakes_source),
    }
