"""Error rates by age, sex and appearance, as far as the sets state them in their file names.

UTKFace states age, sex and one of five appearances, SCUT-FBP5500 sex and one of two; the other sets state neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.evaluation.metrics import wilson
from ml.sources import Photo

SEXES = ("male", "female")
APPEARANCES = ("White", "Black", "Asian", "Indian", "other")
SCUT_GROUPS = {
    "AF": ("Asian", "female"),
    "AM": ("Asian", "male"),
    "CF": ("White", "female"),
    "CM": ("White", "male"),
}
AGES = ((30, "under 30"), (50, "30 to 49"), (200, "50 and older"))


def traits(photo: Photo) -> dict[str, str]:
    """What the file's name states: age, sex and appearance in UTKFace, the last two in SCUT, nothing elsewhere."""
    name = photo.path.name
    if photo.source == "scut":
        group = SCUT_GROUPS.get(name[:2])
        return {"appearance": group[0], "sex": group[1]} if group else {}
    if photo.source != "utkface":
        return {}
    parts = name.split("_")
    if len(parts) < 4 or not all(part.isdigit() for part in parts[:3]):
        return {}  # some names of UTKFace lack a field
    age, sex, appearance = map(int, parts[:3])
    found = {"age": next(title for below, title in AGES if age < below)} if age < AGES[-1][0] else {}
    if sex < len(SEXES):
        found["sex"] = SEXES[sex]
    if appearance < len(APPEARANCES):
        found["appearance"] = APPEARANCES[appearance]
    return found


def by_people(
    belongs: Sequence[Mapping[str, str]], source: np.ndarray, label: np.ndarray, flagged: np.ndarray
) -> list[dict[str, Any]]:
    """Of each group of a source: the shares of its forged and of its genuine pictures that are flagged, with intervals.

    belongs: `traits` of each of N pictures; source: (N,) str; label: (N,) 1 is fake; flagged: (N,) bool.
    """
    rows = []
    stated = sorted(
        {(str(s), name, value) for s, one in zip(source, belongs, strict=True) for name, value in one.items()}
    )
    for of_source, name, value in stated:
        here = (source == of_source) & np.array([one.get(name) == value for one in belongs])
        row: dict[str, Any] = {"source": of_source, "name": name, "value": value}
        for title, wanted in (("false_alarm", 0), ("recall", 1)):
            chosen = flagged[here & (label == wanted)]
            row[title] = wilson(int(chosen.sum()), len(chosen)).as_dict() if len(chosen) else None
        rows.append(row)
    return rows
