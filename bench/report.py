"""Prints measurements with their target and whether it is reached."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; NaN for no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def line(name: str, value: str, *, reached: bool | None = None, target: str = "") -> bool:
    """Print one measurement; returns whether its target is reached (True without one)."""
    mark = "" if reached is None else ("reached" if reached else "MISSED")
    goal = f"target {target}: {mark}" if target else ""
    print(f"  {name:<52} {value:>16}   {goal}".rstrip(), flush=True)
    return reached is not False
