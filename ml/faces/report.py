"""The measurements as Markdown tables, one row as soon as it is known."""

from collections.abc import Callable
from pathlib import Path

from ml.faces import error_rates, targets

Write = Callable[[str], None]


class TargetsMissed(RuntimeError):
    """The detector misses targets; the message names them."""


def write_targets(data: Path, count: int | None, write: Write) -> None:
    """One row for each target. Raises TargetsMissed, SourceMissing."""
    write("| target | measured | limit | met | |\n|---|---|---|---|---|")
    missed = []
    for result in targets.measure(data, count):
        bound = "at least" if result.at_least else "at most"
        met = "yes" if result.met else "**no**"
        write(f"| {result.name} | {result.value:.4g} | {bound} {result.target:g} | {met} | {result.note} |")
        if not result.met:
            missed.append(result.name)
    if missed:
        raise TargetsMissed(f"targets missed: {'; '.join(missed)}")


def write_error_rates(data: Path, count: int | None, write: Write) -> None:
    """The limits, then doubt and fail on genuine pictures, then on degraded ones. Raises SourceMissing."""
    write("| measure | check | code | passes | fails |\n|---|---|---|---|---|")
    for measure, limit in error_rates.limits():
        write(f"| {measure} | {limit.check} | {limit.code} | {limit.passes:g} | {limit.fails:g} |")
    for rates in (error_rates.genuine(data, count), error_rates.degraded(data)):
        write("\n| pictures | check | count | doubt | fail |\n|---|---|---|---|---|")
        for rate in rates:
            write(f"| {rate.pictures} | {rate.check} | {rate.count} | {rate.doubt:.1%} | {rate.fail:.1%} |")
