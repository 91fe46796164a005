"""How sure a label is, given who gave it: Dawid and Skene's model for two labels, with priors and known answers.

Each person has a sensitivity (of fakes, called fake) and a specificity (of real faces, called real). They are estimated
by expectation-maximisation from what several people answered and from calibration items whose truth is known (Dawid and
Skene 1979, Applied Statistics 28). An item with one answer says nothing about the person who gave it, so such items do
not enter the estimate; without a prior they would make everyone perfect.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ITERATIONS = 50
# Pseudo-answers of each person on each label: one wrong of five, until answers say otherwise.
RIGHT, WRONG = 4.0, 1.0
PREVALENCE = 5.0  # pseudo-items of each label
UNSURE = 0.5  # what an answer counts whose author was not sure: half the log odds, half an answer


@dataclass(frozen=True, slots=True)
class Reliability:
    """Estimated chances of a right answer; compared: items of several people or known truth that they rest on."""

    sensitivity: float
    specificity: float
    compared: int


@dataclass(frozen=True, slots=True)
class Consensus:
    """fake: item -> probability that it is fake; people: person -> reliability; compared: items that it rests on."""

    fake: dict[Hashable, float]
    people: dict[Hashable, Reliability]
    compared: int

    def noise(self, labels: Mapping[Any, bool]) -> float:
        """The expected share of wrong labels; labels: item -> is called fake. Raises ValueError for no item."""
        if not labels:
            raise ValueError("the noise of no labels is not defined")
        wrong = (1 - self.fake[item] if is_fake else self.fake[item] for item, is_fake in labels.items())
        return math.fsum(wrong) / len(labels)


# Who answered, whether they said fake, and what that counts: 1, or UNSURE.
Answer = tuple[Hashable, bool, float]


def consensus(
    answers: Iterable[tuple[Hashable, Hashable, bool]],
    known: Mapping[Any, bool] | None = None,
    unsure: Collection[tuple[Hashable, Hashable]] = (),
) -> Consensus:
    """Estimate the truth from answers.

    answers: `(item, person, said fake)` rows; known: item -> is fake, of calibration items, which stay as they are;
    unsure: the `(item, person)` pairs whose author was not sure.
    """
    given: dict[Hashable, list[Answer]] = defaultdict(list)
    for item, person, said in answers:
        given[item].append((person, said, UNSURE if (item, person) in unsure else 1.0))
    truth = {item: float(is_fake) for item, is_fake in (known or {}).items() if item in given}
    several = {
        item: rows for item, rows in given.items() if item in truth or len({p for p, _, _ in rows}) > 1
    }
    belief = {
        item: truth.get(item, sum(said for _, said, _ in rows) / len(rows)) for item, rows in several.items()
    }
    live = {
        item: rows for item, rows in given.items() if item not in truth
    }  # calibration items are chosen, not drawn
    people = _reliabilities(several, belief, given)
    share = 0.5
    for _ in range(ITERATIONS):
        people = _reliabilities(several, belief, given)
        share = _prevalence(live, people, share)
        belief = {item: truth.get(item, _posterior(rows, people, share)) for item, rows in several.items()}
    fake = {item: truth.get(item, _posterior(rows, people, share)) for item, rows in given.items()}
    return Consensus(fake, people, len(several))


def _reliabilities(
    several: Mapping[Hashable, list[Answer]],
    belief: Mapping[Hashable, float],
    given: Mapping[Hashable, list[Answer]],
) -> dict[Hashable, Reliability]:
    hits: dict[Hashable, float] = defaultdict(lambda: RIGHT)
    fakes: dict[Hashable, float] = defaultdict(lambda: RIGHT + WRONG)
    spared: dict[Hashable, float] = defaultdict(lambda: RIGHT)
    reals: dict[Hashable, float] = defaultdict(lambda: RIGHT + WRONG)
    compared: dict[Hashable, int] = defaultdict(int)
    for item, rows in several.items():
        for person, said, counts in rows:
            fakes[person] += counts * belief[item]
            reals[person] += counts * (1 - belief[item])
            hits[person] += counts * belief[item] if said else 0.0
            spared[person] += 0.0 if said else counts * (1 - belief[item])
            compared[person] += 1
    everyone = {person for rows in given.values() for person, _, _ in rows}
    return {
        person: Reliability(hits[person] / fakes[person], spared[person] / reals[person], compared[person])
        for person in everyone
    }


def _prevalence(
    live: Mapping[Hashable, list[Answer]], people: Mapping[Hashable, Reliability], share: float
) -> float:
    """The share of fakes among items of unknown truth, one step of expectation-maximisation on from `share`."""
    fakes = math.fsum(_posterior(rows, people, share) for rows in live.values())
    return (fakes + PREVALENCE) / (len(live) + 2 * PREVALENCE)


def _posterior(rows: list[Answer], people: Mapping[Hashable, Reliability], share: float) -> float:
    odds = math.log(share / (1 - share))
    for person, said, counts in rows:
        who = people[person]
        if said:
            odds += counts * math.log(who.sensitivity / (1 - who.specificity))
        else:
            odds += counts * math.log((1 - who.sensitivity) / who.specificity)
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
