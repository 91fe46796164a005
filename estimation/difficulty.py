"""How difficult work is, from answers to questions whose truth is known; and people compared on equal work.

An item's difficulty is the chance that a person answers it wrongly, estimated by shrinking in two steps (additive
smoothing, as in empirical Bayes with a fixed prior weight): a cell of one kind and one band towards its band, and a
band towards all. People are compared by indirect standardisation, as hospitals are: what a person got right is set
against what all people together would get right on the same items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from statistics import median

from estimation.intervals import Rate

PRIOR_WEIGHT = 10.0  # answers: as many in a cell count as much as the estimate of the level above it
PACE_ANSWERS_MIN = 20


@dataclass(frozen=True, slots=True)
class Known:
    """One answer whose truth is known. kind: what sort of item it was; band: what can be seen of any item."""

    person: Hashable
    kind: str
    band: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class Difficulties:
    """Chances of a wrong answer, from 0 to 1."""

    overall: float
    bands: dict[str, float]
    cells: dict[tuple[str, str], float]

    def of(self, band: str, kind: str = "") -> float:
        """Of an item; `kind` where it is known, as that of a planted forgery."""
        return self.cells.get((kind, band), self.bands.get(band, self.overall))


def fit(answers: Iterable[Known]) -> Difficulties:
    """From all people's answers; 0.5 where there are none."""
    cells: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    bands: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    wrong = total = 0
    for answer in answers:
        for counted in (cells[answer.kind, answer.band], bands[answer.band]):
            counted[0] += not answer.is_right
            counted[1] += 1
        wrong, total = wrong + (not answer.is_right), total + 1
    overall = (wrong + 1) / (total + 2)
    by_band = {band: _shrunk(counted[0], counted[1], overall) for band, counted in bands.items()}
    return Difficulties(
        overall,
        by_band,
        {key: _shrunk(counted[0], counted[1], by_band[key[1]]) for key, counted in cells.items()},
    )


def _shrunk(wrong: int, total: int, towards: float) -> float:
    return (wrong + PRIOR_WEIGHT * towards) / (total + PRIOR_WEIGHT)


@dataclass(frozen=True, slots=True)
class OnEqualWork:
    """A person's share of right answers as it would be if everybody had the same items, with a 95 % interval (that of
    Wilson, moved as far as the share); `number` answers; `difficulty`: the mean of the items that this person had."""

    share: float
    low: float
    high: float
    number: int
    difficulty: float


def on_equal_work(answers: Iterable[Known], difficulties: Difficulties) -> OnEqualWork | None:
    """One person's answers; None without any."""
    answers = list(answers)
    if not answers:
        return None
    number = len(answers)
    observed = Rate(sum(answer.is_right for answer in answers), number)
    difficulty = sum(difficulties.of(answer.band, answer.kind) for answer in answers) / number
    moved = difficulty - difficulties.overall
    low, high = observed.interval
    share = observed.right / number
    return OnEqualWork(
        _within(share + moved), _within(low + moved), _within(high + moved), number, difficulty
    )


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def usual_times(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The median time of each band over all people, from (band, time of one decision)."""
    found: dict[str, list[float]] = defaultdict(list)
    for band, time in times:
        found[band].append(time)
    return {band: median(values) for band, values in found.items()}


def pace(times: Iterable[tuple[str, float]], usual: dict[str, float]) -> float | None:
    """How long a person takes on the same work: the median of each time over the usual one of its band.

    1.5: half as long again as all people together. None for fewer than PACE_ANSWERS_MIN decisions.
    """
    ratios = [time / usual[band] for band, time in times if usual.get(band)]
    return median(ratios) if len(ratios) >= PACE_ANSWERS_MIN else None
