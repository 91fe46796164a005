"""What people agree on, where each counts as much as they prove reliable."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

ITERATIONS = 30
PRIOR = 0.5  # pseudo-answers per cell, so that few answers make no person perfect


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
