"""The figures of two runs, side by side."""

from collections.abc import Iterator, Mapping
from typing import Any


def compare_runs(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value of the first run, value of the second) for every figure of either; a dash where it is missing.

    first, second: documents of `report.build`.
    """
    found = [dict(_figures(document)) for document in (first, second)]
    names = dict.fromkeys([*found[0], *found[1]])
    head = [
        ("recipe", first["recipe"], second["recipe"]),
        ("data", str(first["config"]["data"]), str(second["config"]["data"])),
        ("smoke run", _yes(first), _yes(second)),
    ]
    return head + [(name, found[0].get(name, "-"), found[1].get(name, "-")) for name in names]


def notices(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """What to know before two runs are compared."""
    found = []
    if first["recipe"] != second["recipe"]:
        found.append("The runs are of two recipes, which may measure different things.")
    if any(each["config"]["smoke"] for each in (first, second)):
        found.append("The figures of a smoke run mean nothing: it has a handful of pictures.")
    return found


def _yes(document: Mapping[str, Any]) -> str:
    return "yes" if document["config"]["smoke"] else "no"


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for protocol in ("documented", "honest"):
        for name, figure in document[protocol].items():
            if name not in ("metric", "reported"):
                yield f"{protocol} {name}", figure
    for title, side in document["sides"].items():
        yield f"{title} AUC", side["areas"]["auc"]
        for name, figure in side["selective"]["figures"].items():
            yield f"{title} {name}", figure
        yield f"{title} calibration error", side["calibration"]["expected_error"]
    for name, figure in document["extra"].get("probes", {}).items():
        yield f"probe {name}", figure
