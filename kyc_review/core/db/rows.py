"""Comparisons of several columns at once, which an index over them answers."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, Func
from django.db.models.expressions import Combinable


class RowComparison(Func):
    """`(left, ...) > (right, ...)`, or `<`: where a page of a list continues, without reading what comes before."""

    output_field = BooleanField()

    def __init__(self, left: tuple[Combinable, ...], operator: str, right: tuple[Combinable, ...]) -> None:
        if operator not in (">", "<") or len(left) != len(right):
            raise ValueError("compare as many values as columns, by > or <")
        super().__init__(*left, *right)
        self.operator = operator

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        parts = [compiler.compile(part) for part in self.source_expressions]
        half = len(parts) // 2
        left, right = (", ".join(sql for sql, _ in side) for side in (parts[:half], parts[half:]))
        return f"({left}) {self.operator} ({right})", [value for _, values in parts for value in values]
