import numpy as np
import pytest

from ml.evaluation.groups import OTHER, VALUES_MAX, held_out_groups, matched_difference, parts


def drawn(gained: int, lost: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    before = np.array([False] * gained + [True] * lost + [True] * both + [False] * neither)
    after = np.array([True] * gained + [False] * lost + [True] * both + [False] * neither)
    return before, after


def test_the_difference_is_that_of_agresti_and_min() -> None:
    """Of 1,600, 150 changed one way and 86 the other; the formula is written out once more."""
    found = matched_difference(*drawn(gained=86, lost=150, both=794, neither=570))
    assert found.value == pytest.approx(-64 / 1600)
    centre = (86.5 - 150.5) / 1602
    spread = np.sqrt(86.5 + 150.5 - 64**2 / 1602) / 1602
    assert found.low == pytest.approx(centre - 1.959964 * spread)
    assert found.high == pytest.approx(centre + 1.959964 * spread)
    assert found.high < 0


def test_the_interval_holds_the_true_difference_in_nineteen_of_twenty_draws() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        cell = rng.choice(4, 40, p=[0.15, 0.05, 0.5, 0.3])  # gained, lost, both, neither
        found = matched_difference(np.isin(cell, [1, 2]), np.isin(cell, [0, 2]))
        held += found.low <= 0.10 <= found.high
    assert 0.93 < held / 2000 < 0.98


def test_no_change_is_no_difference_but_an_interval_and_nothing_is_refused() -> None:
    same = matched_difference(*drawn(0, 0, 5, 5))
    assert same.value == 0
    assert same.low < 0 < same.high
    with pytest.raises(ValueError, match="at least one face"):
        matched_difference(np.array([], bool), np.array([], bool))


def test_rare_values_are_told_together_and_faces_without_a_value_nowhere() -> None:
    belongs = [{"Camera": f"c{number // 3:02}"} for number in range(3 * (VALUES_MAX + 2))] + [
        {},
        {"Camera": ""},
    ]
    found = parts(belongs)
    assert [value for _, value, _ in found] == [f"c{number:02}" for number in range(VALUES_MAX)] + [OTHER]
    assert [int(rows.sum()) for _, _, rows in found] == [3] * VALUES_MAX + [6]


def test_a_group_without_fakes_has_figures_of_real_faces_alone() -> None:
    belongs = [{"Source": "app"}, {"Source": "app"}, {"Source": "branch"}]
    label, before, after = np.array([1, 0, 0]), np.array([True, False, True]), np.array([True, True, True])
    app, branch = held_out_groups(belongs, label, before, after)
    assert (app["name"], app["value"]) == ("Source", "app")
    assert app["fakes"]["candidate"]["value"] == 1
    assert app["reals"]["difference"]["value"] == 1
    assert branch["fakes"] is None
    assert branch["reals"]["difference"]["n"] == 1
