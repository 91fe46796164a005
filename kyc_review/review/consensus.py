"""How sure one can be of people's figures: intervals, and a consensus that weighs people by how reliable they prove.

Pure, no I/O, no numpy: the web process shows these, and a bank's doubly judged items are few thousands.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Z_95 = 1.959964
ITERATIONS = 30
PRIOR = 0.5  # pseudo-answers per cell, so that few answers do not make anybody perfect


@dataclass(frozen=True, slots=True)
class Rate:
    """`right` of `total`, with the Wilson score interval (Wilson 1927, JASA 22) at 95 %: from 0 to 1."""

    right: int
    total: int

    @property
    def value(self) -> float | None:
        return self.right / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        share, n, z2 = self.right / self.total, self.total, Z_95**2
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


def dawid_skene(answers: Iterable[tuple[object, int, str]]) -> dict[object, dict[str, float]]:
    """Consensus of `(item, person, label)` rows: item -> label -> probability (Dawid and Skene 1979, Appl. Stat. 28).

    Expectation-maximisation from the majority vote: each person has a confusion matrix, each label a prevalence.
    """
    rows = list(answers)
    labels = sorted({label for _, _, label in rows})
    by_item: dict[object, list[tuple[int, str]]] = defaultdict(list)
    for item, person, label in rows:
        by_item[item].append((person, label))
    belief = {
        item: {label: sum(said == label for _, said in given) / len(given) for label in labels}
        for item, given in by_item.items()
    }
    for _ in range(ITERATIONS):
        prevalence = {
            label: (sum(b[label] for b in belief.values()) + PRIOR) / (len(belief) + PRIOR * len(labels))
            for label in labels
        }
        confusion = _confusion(by_item, belief, labels)
        belief = {item: _posterior(given, prevalence, confusion, labels) for item, given in by_item.items()}
    return belief


def _confusion(
    by_item: Mapping[object, list[tuple[int, str]]],
    belief: Mapping[object, Mapping[str, float]],
    labels: list[str],
) -> dict[tuple[int, str, str], float]:
    """(person, truth, said) -> probability."""
    counts: dict[tuple[int, str, str], float] = defaultdict(float)
    totals: dict[tuple[int, str], float] = defaultdict(float)
    for item, given in by_item.items():
        for person, said in given:
            for truth in labels:
                counts[person, truth, said] += belief[item][truth]
                totals[person, truth] += belief[item][truth]
    return {
        (person, truth, said): (counts[person, truth, said] + PRIOR) / (total + PRIOR * len(labels))
        for (person, truth), total in totals.items()
        for said in labels
    }


def _posterior(
    given: list[tuple[int, str]],
    prevalence: Mapping[str, float],
    confusion: Mapping[tuple[int, str, str], float],
    labels: list[str],
) -> dict[str, float]:
    logs = {
        truth: math.log(prevalence[truth])
        + sum(math.log(confusion[person, truth, said]) for person, said in given)
        for truth in labels
    }
    top = max(logs.values())
    weights = {truth: math.exp(value - top) for truth, value in logs.items()}
    return {truth: weight / sum(weights.values()) for truth, weight in weights.items()}
