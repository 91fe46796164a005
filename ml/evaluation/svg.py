"""Line charts as inline SVG. Lines differ by dashes as well as colour, for print; colours follow the page's theme."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 380, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 12, 40
TICKS = 5

Points = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One series; dots instead of a line where there are few points. guide: a thin line for comparison."""

    name: str
    points: Points
    dots: bool = False
    guide: bool = False


def chart(
    lines: Sequence[Line],
    *,
    x: str,
    y: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> str:
    """An <svg> of these lines with axes and a legend below it. x, y: the axes' titles."""
    x_range = x_range or _range([p[0] for line in lines for p in line.points])
    y_range = y_range or _range([p[1] for line in lines for p in line.points])
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(value: float) -> float:
        return LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * inner_width

    def down(value: float) -> float:
        return TOP + (1 - (value - y_range[0]) / (y_range[1] - y_range[0])) * inner_height

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y)} over {escape(x)}">']
    for value in _ticks(*x_range):
        parts.append(
            f'<text x="{across(value):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
        )
    for value in _ticks(*y_range):
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(value):.1f}" y2="{down(value):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{down(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    parts.append(
        f'<text class="axis" x="{LEFT + inner_width / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>'
        f'<text class="axis" transform="translate(12 {TOP + inner_height / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y)}</text>'
    )
    number = 0
    for line in lines:
        style = "guide" if line.guide else f"s{number % 6}"
        number += not line.guide
        where = [(across(p[0]), down(min(max(p[1], y_range[0]), y_range[1]))) for p in line.points]
        if not line.dots:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in where)
            parts.append(f'<polyline class="{style}" points="{path}"/>')
        if line.dots or len(where) == 1:
            parts += [f'<circle class="{style}" cx="{a:.1f}" cy="{b:.1f}" r="3.2"/>' for a, b in where]
    return "".join([*parts, "</svg>", _legend(lines)])


def _legend(lines: Sequence[Line]) -> str:
    named = [line for line in lines if line.name]
    if len(named) < 2:
        return ""
    number, items = 0, []
    for line in named:
        style = "guide" if line.guide else f"s{number % 6}"
        number += not line.guide
        items.append(
            f'<span><svg class="key" viewBox="0 0 28 8"><line class="{style}" x1="1" x2="27" y1="4" y2="4"/></svg>'
            f"{escape(line.name)}</span>"
        )
    return f'<p class="legend">{"".join(items)}</p>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in the range, about TICKS of them."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]
