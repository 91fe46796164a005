"""A bundle's metrics as lines of a table; what a training run reports is its own affair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FIGURES_MAX = 24


def figures(metrics: Any) -> list[tuple[str, str]]:
    """Numbers and short texts of nested metrics with their path: {"test": {"auc": 0.9}} -> [("test auc", "0.9")]."""
    return [line for line, _ in zip(_leaves(metrics, ()), range(FIGURES_MAX), strict=False)]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key).replace("_", " ")))
    elif isinstance(value, list) and value and all(_is_number(inner) for inner in value) and len(value) <= 3:
        yield " ".join(path), " to ".join(_number(inner) for inner in value)  # an interval
    elif _is_number(value):
        yield " ".join(path), _number(value)
    elif isinstance(value, str) and len(value) <= 80:
        yield " ".join(path), value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
