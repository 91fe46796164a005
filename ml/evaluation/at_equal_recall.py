"""Two bundles on the same pictures: genuine ones that go to people where both find the same share of forgeries.

Their thresholds lie at different points, so their shares at the shipped thresholds cannot be compared. Here all
thresholds of a bundle are moved by one shift of log-odds, until the wanted share of forgeries is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

RECALLS = (0.70, 0.75)
DRAWS = 4000
SMALLEST = 1e-9


def margins(probability: np.ndarray, thresholds: np.ndarray, alarm: np.ndarray | None = None) -> np.ndarray:
    """(N,) the largest shift of all thresholds, in log-odds, at which a picture still goes to people.

    probability: (N, 5) of fake; thresholds: (5,); alarm: (N,) bool, whether an auxiliary model asks for a person
    whatever the votes say.
    """
    largest = (_log_odds(probability) - _log_odds(thresholds)).max(1)
    return largest if alarm is None else np.where(alarm, np.inf, largest)


@dataclass(frozen=True, slots=True)
class Pictures:
    """N pictures of one kind with the `margins` of both bundles, the names of their sets and of their people."""

    before: np.ndarray
    after: np.ndarray
    source: np.ndarray
    person: np.ndarray

    def of(self, rows: np.ndarray) -> "Pictures":
        """Some of them. rows: (N,) bool."""
        return Pictures(self.before[rows], self.after[rows], self.source[rows], self.person[rows])


def at_equal_recall(forged: Pictures, genuine: Mapping[str, Pictures]) -> dict[str, Any]:
    """For each of RECALLS and each kind of genuine picture: the mean over sets of the share that goes to people
    `before` and `after`, and the `difference` with a 95 % interval by a Bayesian bootstrap over people (Rubin 1981).

    Both shifts are found again in each draw, so that their uncertainty counts. genuine: by kind. Raises ValueError
    without forgeries.
    """
    if not len(forged.before):
        raise ValueError("equal recall needs forgeries")
    people = {name: row for row, name in enumerate(sorted(_people(forged, genuine)))}
    number = {kind: np.array([people[name] for name in each.person]) for kind, each in genuine.items()}
    of_forged = np.array([people[name] for name in forged.person])
    rng = np.random.default_rng(0)
    weights = [np.ones(len(people)), *(rng.standard_exponential(len(people)) for _ in range(DRAWS))]
    found: dict[str, Any] = {"people": len(people)}
    for recall in RECALLS:
        shifts = [
            [_shift(margin, weight[of_forged], recall) for margin in (forged.before, forged.after)]
            for weight in weights
        ]
        found[f"{recall:.2f}"] = {
            kind: _rates(each, [weight[number[kind]] for weight in weights], shifts)
            for kind, each in genuine.items()
        }
    return found


def _rates(pictures: Pictures, weights: list[np.ndarray], shifts: list[list[float]]) -> dict[str, Any]:
    """weights and shifts: the first of the sample itself, then of each draw."""
    drawn = np.array(
        [
            (
                _mean_of_sets(pictures, pictures.before >= first, weight),
                _mean_of_sets(pictures, pictures.after >= second, weight),
            )
            for weight, (first, second) in zip(weights, shifts, strict=True)
        ]
    )
    before, after = (round(float(share), 4) for share in drawn[0])
    change = drawn[:, 1] - drawn[:, 0]
    low, high = np.percentile(change[1:], [2.5, 97.5])
    return {
        "before": before,
        "after": after,
        "difference": {
            "value": round(float(change[0]), 4),
            "low": round(min(float(change[0]), float(low)), 4),
            "high": round(max(float(change[0]), float(high)), 4),
            "n": len(pictures.before),
        },
    }


def _shift(margin: np.ndarray, weight: np.ndarray, recall: float) -> float:
    """The largest shift at which at least this share of the weight has as large a margin."""
    order = np.argsort(-margin, kind="stable")
    reached = np.cumsum(weight[order]) >= recall * weight.sum()
    return float(margin[order[np.argmax(reached)]])


def _mean_of_sets(pictures: Pictures, flagged: np.ndarray, weight: np.ndarray) -> float:
    sets = [pictures.source == name for name in np.unique(pictures.source)]
    return float(np.mean([np.average(flagged[rows], weights=weight[rows]) for rows in sets]))


def _people(forged: Pictures, genuine: Mapping[str, Pictures]) -> set[str]:
    return set(forged.person).union(*(each.person for each in genuine.values()))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    inside = np.clip(np.asarray(probability, float), SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside / (1 - inside)))
