"""The vote: five probabilities of *fake* become one verdict. Pure Python, no I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

VOTES = 5


class Verdict(StrEnum):
    CLEAR = "clear"
    UNANIMOUS_FAKE = "unanimous_fake"
    SPLIT_VOTE = "split_vote"

    @property
    def label(self) -> str:
        """In words, as in a table."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Vote:
    """One member's probability of *fake* and the threshold from which it calls *fake*.

    Raises ValueError when either is not a number from 0 to 1: a broken model must not vote.
    """

    member: str
    probability: float
    threshold: float

    def __post_init__(self) -> None:
        for name in ("probability", "threshold"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise ValueError(f"{self.member}: {name} is {value}, not a number from 0 to 1")

    @property
    def is_fake(self) -> bool:
        return self.probability >= self.threshold


def shifted(threshold: float, shift: float) -> float:
    """A threshold moved by `shift` on the logit scale: up means fewer calls of *fake*."""
    return threshold if not shift else 1 / (1 + math.exp(-(math.log(threshold / (1 - threshold)) + shift)))


def decide(votes: Sequence[Vote]) -> Verdict:
    """Unanimous *real* is clear, unanimous *fake* is unanimous_fake, anything else is a split vote.

    Raises ValueError unless there are five votes of five different members.
    """
    if len(votes) != VOTES or len({vote.member for vote in votes}) != VOTES:
        raise ValueError(f"a verdict needs the votes of {VOTES} different members, not {len(votes)} votes")
    calls = sum(vote.is_fake for vote in votes)
    if calls == 0:
        return Verdict.CLEAR
    return Verdict.UNANIMOUS_FAKE if calls == VOTES else Verdict.SPLIT_VOTE


def risk(votes: Sequence[Vote]) -> float:
    """From 0 to 1, growing with every member's probability: how far the votes lie beyond their thresholds.

    Each probability is mapped piecewise linearly so that its threshold becomes 0.5, then averaged; members
    with different operating points have the same weight.
    """
    return sum(_relative(vote) for vote in votes) / len(votes)


def _relative(vote: Vote) -> float:
    p, t = vote.probability, vote.threshold
    if p < t:
        return 0.5 * p / t
    return 1.0 if t >= 1.0 else 0.5 + 0.5 * (p - t) / (1.0 - t)
