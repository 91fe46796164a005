"""A comparison as a page shows it: its figures, groups, changes and curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 200  # of the curves, in their own units
Place = tuple[float, float]


def place_of(false_alarm: float, recall: float) -> Place:
    """Where a point lies on the curves: real faces that reach a person to the right, fakes that do up."""
    return round(false_alarm * WIDTH, 1), round(HEIGHT * (1 - recall), 1)


@dataclass(frozen=True, slots=True)
class Span:
    """A difference with its 95 % interval as a forest plot draws it, in percentage points."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of champion and candidate, and the difference on the same faces where it was measured."""

    name: str
    champion: str
    candidate: str
    difference: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """`count` faces would go another way; `submissions` are the first of them."""

    words: str
    count: int
    submissions: list[str]


@dataclass(frozen=True, slots=True)
class Rates:
    """How much of one part is flagged, of `n`, by champion and candidate; the interval of the difference leaves
    zero out when it is `clear`."""

    n: int
    shares: str
    difference: str
    clear: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Part:
    """One value of one grouping. `fakes` and `reals` on the hold-out, `all` on the latest submissions;
    is_worst: the gate found no group that is more clearly worse."""

    grouping: str
    value: str
    fakes: Rates | None = None
    reals: Rates | None = None
    all: Rates | None = None
    is_worst: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as a page shows it, with the candidate's thresholds moved by `shift` on the logit scale; what an
    older report has for the trained thresholds only is marked."""

    shift: float
    changes_as_trained: bool
    parts_as_trained: bool
    replay_parts_as_trained: bool
    sample_of_reals: str
    pairs: list[Pair]
    changes: list[Change]
    parts: list[Part]
    replay_parts: list[Part]
    parts_weighted: bool
    sample: str
    by_checks: str
    curves_weighted: bool
    champion_line: str
    candidate_line: str
    champion_here: Place
    here: Place

    @property
    def reach(self) -> int:
        """Half the width of all forest plots of the page, percentage points: the farthest bound, rounded up to tens."""
        rates = [
            rates
            for part in (*self.parts, *self.replay_parts)
            for rates in (part.fakes, part.reals, part.all)
        ]
        spans = [*(pair.span for pair in self.pairs), *(found.span for found in rates if found)]
        return (
            max((10 * math.ceil(max(-span.low, span.high) / 10) for span in spans if span), default=10) or 10
        )

    @property
    def width(self) -> int:
        """The whole width of the forest plots."""
        return 2 * self.reach
