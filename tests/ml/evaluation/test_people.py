from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.metrics import wilson
from ml.evaluation.people import by_people, traits
from ml.sources import Photo


def photo(source: str, name: str) -> Photo:
    return Photo(Path("data") / name, f"{source}/{name}", source, name, "real")


@pytest.mark.parametrize(
    ("source", "name", "wanted"),
    [
        (
            "utkface",
            "29_1_3_20170109.jpg.chip.jpg",
            {"age": "under 30", "sex": "female", "appearance": "Indian"},
        ),
        (
            "utkface",
            "30_0_0_20170109.jpg.chip.jpg",
            {"age": "30 to 49", "sex": "male", "appearance": "White"},
        ),
        (
            "utkface",
            "50_0_4_2017.jpg.chip.jpg",
            {"age": "50 and older", "sex": "male", "appearance": "other"},
        ),
        ("utkface", "61_1_20170109.jpg.chip.jpg", {}),  # a field is missing
        ("scut", "AF12.jpg", {"sex": "female", "appearance": "Asian"}),
        ("scut", "CM7.jpg", {"sex": "male", "appearance": "White"}),
        ("lfw", "29_1_3_20170109.jpg", {}),
    ],
)
def test_the_names_say_who_is_seen(source: str, name: str, wanted: dict[str, str]) -> None:
    assert traits(photo(source, name)) == wanted


def test_rates_are_counted_by_source_and_group() -> None:
    belongs = [{"sex": "male"}, {"sex": "female"}, {"sex": "male"}, {}, {"sex": "male"}]
    source = np.array(["utkface", "utkface", "utkface", "lfw", "scut"])
    rows = by_people(belongs, source, np.array([0, 0, 1, 0, 0]), np.array([True, False, True, True, False]))
    assert [(row["source"], row["value"]) for row in rows] == [
        ("scut", "male"),
        ("utkface", "female"),
        ("utkface", "male"),
    ]
    assert rows[0]["recall"] is None
    assert rows[1]["false_alarm"] == wilson(0, 1).as_dict()
    assert rows[2] == {
        "source": "utkface",
        "name": "sex",
        "value": "male",
        "false_alarm": wilson(1, 1).as_dict(),
        "recall": wilson(1, 1).as_dict(),
    }
