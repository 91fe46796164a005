"""Aggregates that Django lacks."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Aggregate, Expression, FloatField


class Median(Aggregate):
    """The median; None without values."""

    function = "PERCENTILE_CONT"
    name = "Median"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


class DurationQuantiles(Aggregate):
    """Quantiles of a duration in seconds, a list in the order of `shares` (each from 0 to 1); None without values."""

    function = "PERCENTILE_CONT"
    name = "DurationQuantiles"
    template = "%(function)s(ARRAY[%(shares)s]) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM %(expressions)s))"

    def __init__(self, duration: Expression | str, *, shares: Sequence[float]) -> None:
        super().__init__(duration, shares=", ".join(str(float(share)) for share in shares))

    def convert_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value
