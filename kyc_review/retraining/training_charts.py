"""Curves of a training run as pictures with axes; every measurement tells its values under the pointer, and in a table.

Each member is measured at equal distances over all of its epochs, several times an epoch where there are few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext

from kyc_review.training.progress import Curve, Progress

WIDTH, HEIGHT = 320, 120  # of the plot, in its own units
ACROSS_MAX = 8  # labels of measurements


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One member; points is what an SVG polyline takes."""

    member: str
    points: str
    last: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: left and width of its column, and each member with its value, empty where it has none."""

    number: int
    left: float
    width: float
    at: float
    members: list[tuple[str, str]]

    @property
    def told(self) -> str:
        values = ", ".join(f"{member} {value}" for member, value in self.members if value)
        return gettext("measurement %(number)s: %(values)s") % {"number": self.number, "values": values}


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    lines: list[Line]
    measurements: list[Measurement]
    across: list[Tick]
    up: list[Tick]


def charts(progress: Progress | None) -> list[Chart]:
    """Loss, and the area under the ROC curve on validation; none before the first measurement."""
    if progress is None or not progress.losses:
        return []
    found = [_chart(gettext("Loss of training"), progress.losses, 0.0, _above(_values(progress.losses)))]
    if aucs := _values(progress.aucs):
        low = max(0.0, math.floor(10 * min(aucs)) / 10)
        title = gettext("Area under the ROC curve on validation, unweighted")
        found.append(_chart(title, progress.aucs, min(low, 0.9), 1.0))
    return found


def _chart(title: str, curves: list[Curve], low: float, high: float) -> Chart:
    """All members share both axes, so a member that was measured fewer times ends earlier."""
    count = max(len(curve.values) for curve in curves)
    step = WIDTH / max(1, count - 1)

    def across(number: int) -> float:
        return round(number * step, 1)

    def up(value: float) -> float:
        return round(HEIGHT - HEIGHT * (min(max(value, low), high) - low) / (high - low), 1)

    lines = [
        Line(
            curve.member,
            " ".join(f"{across(number)},{up(value)}" for number, value in enumerate(curve.values)),
            f"{curve.last:.3f}",
        )
        for curve in curves
    ]
    measurements = [
        Measurement(
            number + 1,
            round(across(number) - step / 2, 1),
            round(step, 1),
            across(number),
            [
                (curve.member, f"{curve.values[number]:.3f}" if number < len(curve.values) else "")
                for curve in curves
            ],
        )
        for number in range(count)
    ]
    every = math.ceil(count / ACROSS_MAX)
    return Chart(
        title,
        lines,
        measurements,
        across=[Tick(across(number), str(number + 1)) for number in range(0, count, every)],
        up=[Tick(up(value), number_format(value, 2)) for value in (low, (low + high) / 2, high)],
    )


def _values(curves: list[Curve]) -> list[float]:
    return [value for curve in curves for value in curve.values]


def _above(values: list[float]) -> float:
    """The end of an axis from 0: the largest value, rounded up to one or two significant digits."""
    largest = max([*values, 1e-6])
    scale = 10 ** math.floor(math.log10(largest))
    return math.ceil(2 * largest / scale) / 2 * scale
