"""What each forensic view was measured to be worth: read from `worth.json`, which `python -m ml views --out` writes."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FORMAT = "kyc-review/view-worth/1"
FILE = Path(__file__).with_name("worth.json")


@dataclass(frozen=True, slots=True)
class ViewWorth:
    """How well a simple score of a view separates one kind of forgery from genuine pictures of the same source.

    `area` under the ROC curve with its 95 % interval, `low` to `high`; `count`: of pictures.
    """

    kind: str
    area: float
    low: float
    high: float
    count: int


@cache
def view_worth() -> dict[str, dict[str, ViewWorth]]:
    """View -> kind of forgery -> worth. Raises ValueError for a file of another format."""
    document = json.loads(FILE.read_text())
    if document.get("format") != FORMAT:
        raise ValueError(f"{FILE} has another format than {FORMAT}: write it with `python -m ml views --out`")
    found: dict[str, dict[str, ViewWorth]] = {}
    for kind, views in document["areas"].items():
        for view, area in views.items():
            worth = ViewWorth(kind, area["value"], area["low"], area["high"], area["n"])
            found.setdefault(view, {})[kind] = worth
    return found
