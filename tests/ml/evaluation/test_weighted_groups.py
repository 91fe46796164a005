"""Weighted rates by group, checked against sums by hand and on simulated groups."""

from typing import Any

import numpy as np
import pytest

from kyc_review.training.comparison_groups import REASON
from ml.evaluation.weighted_groups import FACES_MIN, MADE_BY_VOTES, weighted_groups

DRAWS = 400


def grouped(people: list[dict[str, str]], **columns: Any) -> tuple[list, list]:
    count = len(people)
    design: dict[str, Any] = {
        "weight": np.ones(count),
        "applicant": np.arange(count),
        "label": np.ones(count, int),
        "shifts": np.zeros(1),
    }
    return weighted_groups(people, **(design | columns), draws=DRAWS)


def test_a_groups_rate_counts_each_face_by_its_weight() -> None:
    people = [{"Format": "JPEG"}] * 3 + [{"Format": "PNG"}]
    (jpeg, png), _ = grouped(
        people,
        weight=np.array([1.0, 1.0, 8.0, 1.0]),
        champion=np.array([True, True, False, True]),
        candidate=np.array([[True], [False], [True], [True]]),
    )
    assert jpeg["fakes"]["champion"]["value"] == pytest.approx(0.2)
    assert jpeg["fakes"]["candidate"]["value"] == pytest.approx(0.9)
    assert jpeg["fakes"]["difference"]["value"] == pytest.approx(0.7)
    assert jpeg["fakes"]["effective"] == pytest.approx(100 / 66, abs=0.06)
    assert jpeg["reals"] is None
    assert png["fakes"]["champion"]["n"] == 1


def test_the_worst_group_is_the_one_that_shows_harm_most_clearly() -> None:
    rng = np.random.default_rng(0)
    age = np.repeat(["young", "middle", "old"], 60)
    people = [{"age": one} for one in age]
    label = np.tile([0, 1], 90)
    champion = rng.random(180) < 0.8
    lost = (age == "old") & (label == 1)
    candidate = np.where(lost, False, champion)[:, None]
    _, (worst,) = grouped(people, label=label, champion=champion, candidate=candidate)
    assert worst["recall"]["value"] == "old"
    assert worst["recall"]["difference"]["high"] < -0.4
    assert worst["false_alarm"]["difference"]["low"] <= 0 <= worst["false_alarm"]["difference"]["high"]


def test_equal_models_seldom_have_a_group_that_looks_clearly_worse() -> None:
    """Ten groups of thirty faces each: without a correction for their number one loop in four would find one."""
    rng, found, loops = np.random.default_rng(1), 0, 60
    people = [{"branch": str(number % 8), "format": str(number % 2)} for number in range(240)]
    for _ in range(loops):
        champion, candidate = rng.random((2, 240)) < 0.6
        _, (worst,) = grouped(people, champion=champion, candidate=candidate[:, None])
        found += worst["recall"]["difference"]["high"] < 0
    assert found / loops <= 0.1


def test_small_groups_and_reasons_are_shown_but_not_searched() -> None:
    people = [
        {"Reason": "Audit", "Format": "PNG" if number < FACES_MIN - 1 else "JPEG"} for number in range(40)
    ]
    champion = np.ones(40, bool)
    candidate = np.array([number >= FACES_MIN - 1 for number in range(40)])[:, None]  # all PNG are lost
    groups, (worst,) = grouped(people, champion=champion, candidate=candidate)
    assert {(group["name"], group["value"]) for group in groups} == {
        ("Reason", "Audit"),
        ("Format", "JPEG"),
        ("Format", "PNG"),
    }
    assert (worst["recall"]["name"], worst["recall"]["value"]) == ("Format", "JPEG")
    assert worst["false_alarm"] is None


def test_the_web_process_names_the_reason_as_evaluation_does() -> None:
    assert frozenset({REASON}) == MADE_BY_VOTES
