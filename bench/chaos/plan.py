"""Which faults come when: drawn from a seed, so that a run can be repeated."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    KILL = "kill"  # SIGKILL of a process and its children; Valkey loses its data
    PAUSE = "pause"  # SIGSTOP, longer than leases
    CLOCK = "clock"  # the process starts again with a clock that is wrong by CLOCK_OFF_S
    SLOW = "slow"  # the network of a service delays every chunk
    SILENT = "silent"  # it lets nothing pass
    CUT = "cut"  # it resets every connection
    FILL = "fill"  # the disk of DATA_DIR is full


# (weight, shortest and longest duration in seconds)
SHAPES = {
    Kind.KILL: (6, 0.0, 0.0),
    Kind.PAUSE: (3, 1.0, 12.0),
    Kind.CLOCK: (1, 5.0, 20.0),
    Kind.SLOW: (2, 2.0, 8.0),
    Kind.SILENT: (2, 1.0, 8.0),
    Kind.CUT: (2, 0.2, 5.0),
    Kind.FILL: (2, 1.0, 6.0),
}
PAUSES_S = (0.2, 4.0)
AT_ONCE = 3


@dataclass(frozen=True)
class Fault:
    """A fault of `target` from `at_s` to `ends_s`, in seconds since traffic began."""

    at_s: float
    ends_s: float
    kind: Kind
    target: str

    def __str__(self) -> str:
        lasts = f" for {self.ends_s - self.at_s:.1f} s" if self.ends_s > self.at_s else ""
        return f"{self.at_s:6.1f} s  {self.kind} {self.target}{lasts}"


def draw(targets: Mapping[Kind, Sequence[str]], *, seconds: float, seed: int) -> list[Fault]:
    """The faults of a run of this length: at most AT_ONCE at a time, and one of a target. All end within the run.

    The first ones are of each kind once, in random order, so that a short run has all of them that fit.
    """
    dice = random.Random(seed)
    kinds = [kind for kind in Kind if targets.get(kind)]
    first = dice.sample(kinds, len(kinds))
    weights = [SHAPES[kind][0] for kind in kinds]
    drawn: list[Fault] = []
    at_s = dice.uniform(*PAUSES_S)
    while at_s < seconds:
        kind = first.pop() if first else dice.choices(kinds, weights)[0]
        _, shortest_s, longest_s = SHAPES[kind]
        lasts_s = min(dice.uniform(shortest_s, longest_s), seconds / 4)
        fault = Fault(
            round(at_s, 2), round(min(at_s + lasts_s, seconds), 2), kind, dice.choice(targets[kind])
        )
        running = [one for one in drawn if one.ends_s >= fault.at_s]
        if len(running) < AT_ONCE and fault.target not in {one.target for one in running}:
            drawn.append(fault)
        at_s += dice.uniform(*PAUSES_S)
    return drawn
