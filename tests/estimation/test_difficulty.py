"""Difficulties and comparisons on equal work, against values that were computed by hand."""

import pytest

from estimation.difficulty import PACE_ANSWERS_MIN, Known, fit, on_equal_work, pace, usual_times


def answers(person: str, kind: str, band: str, right: int, wrong: int) -> list[Known]:
    return [Known(person, kind, band, True)] * right + [Known(person, kind, band, False)] * wrong


def test_a_cell_is_drawn_towards_its_band_and_a_band_towards_all() -> None:
    found = fit([*answers("a", "swap", "high", 6, 4), *answers("a", "warp", "high", 10, 0)])
    overall = 5 / 22
    band = (4 + 10 * overall) / 30
    assert found.overall == pytest.approx(overall)
    assert found.of("high") == pytest.approx(band)
    assert found.of("high", "swap") == pytest.approx((4 + 10 * band) / 20)
    assert found.of("high", "warp") == pytest.approx((0 + 10 * band) / 20)
    assert found.of("unknown", "warp") == pytest.approx(overall)
    assert fit([]).of("high") == 0.5


def test_people_with_equal_skill_and_unequal_items_are_equal_on_equal_work() -> None:
    """Both find 90 % of easy and 50 % of hard fakes; one had mostly hard ones."""
    of_a = [*answers("a", "easy", "x", 90, 10), *answers("a", "hard", "x", 200, 200)]
    of_b = [*answers("b", "easy", "x", 360, 40), *answers("b", "hard", "x", 50, 50)]
    found = fit([*of_a, *of_b])
    hard, easy = on_equal_work(of_a, found), on_equal_work(of_b, found)
    assert hard is not None
    assert easy is not None
    assert (290 / 500, 410 / 500) == (0.58, 0.82)  # what a plain comparison says
    assert hard.share == pytest.approx(0.7, abs=0.01)
    assert easy.share == pytest.approx(0.7, abs=0.01)
    assert hard.difficulty > easy.difficulty
    assert hard.low < hard.share < hard.high
    assert on_equal_work([], found) is None


def test_a_better_person_stays_better_on_equal_work() -> None:
    good, bad = answers("a", "swap", "x", 90, 10), answers("b", "swap", "x", 60, 40)
    found = fit([*good, *bad])
    first, second = on_equal_work(good, found), on_equal_work(bad, found)
    assert first is not None
    assert second is not None
    assert first.low > second.high


def test_pace_compares_times_within_a_band() -> None:
    times = [("hard", 20.0)] * 30 + [("easy", 5.0)] * 30
    usual = usual_times(times)
    assert usual == {"hard": 20.0, "easy": 5.0}
    assert pace([("hard", 20.0)] * PACE_ANSWERS_MIN, usual) == 1.0  # slow only because the work is hard
    assert pace([("easy", 7.5)] * PACE_ANSWERS_MIN, usual) == 1.5
    assert pace([("easy", 7.5)] * (PACE_ANSWERS_MIN - 1), usual) is None
