from typing import Any

import pytest

from kyc_review.training.gate import OLD_REPORT, Answer, Limits, gate, points_with_gate
from tests.factories.reports import report

PASSED, FAILED, UNDECIDED = Answer
LIMITS = Limits(recall_margin=0.05, recall_min=0.5, load_max=0.5, load_factor=1.2, audited_fakes=5)


def answers(shift: float = 0.0, limits: Limits = LIMITS, **figures: Any) -> list[Answer]:
    return [check.answer for check in gate(report(**figures), shift=shift, limits=limits)]


def test_a_candidate_that_catches_more_and_flags_less_passes() -> None:
    assert answers() == [PASSED] * 4


def test_few_audited_fakes_say_nothing_however_good_the_candidate_looks() -> None:
    assert answers(audited=4) == [UNDECIDED, PASSED, PASSED, PASSED]


def test_the_whole_interval_of_the_difference_must_lie_above_the_margin() -> None:
    equal: dict[str, Any] = {"champion": (36, 60), "candidate": (36, 60)}
    assert answers(half=0.04, **equal)[1] == PASSED
    assert answers(half=0.06, **equal)[1] == UNDECIDED
    assert answers(half=0.04, champion=(36, 60), candidate=(32, 60))[1] == FAILED


def test_the_margin_is_the_banks() -> None:
    generous = Limits(recall_margin=0.1, recall_min=0.5, load_max=0.5, load_factor=1.2, audited_fakes=5)
    equal: dict[str, Any] = {"champion": (36, 60), "candidate": (36, 60), "half": 0.06}
    assert answers(**equal)[1] == UNDECIDED
    assert answers(limits=generous, **equal)[1] == PASSED


def test_recall_has_a_floor_that_does_not_move_with_the_champion() -> None:
    # The factory's interval is ten points on each side.
    assert answers(champion=(10, 60), candidate=(25, 50))[2] == PASSED
    assert answers(champion=(10, 60), candidate=(20, 50))[2] == UNDECIDED
    assert answers(champion=(10, 60), candidate=(14, 50))[2] == FAILED


def test_the_load_of_the_replay_has_a_relative_and_an_absolute_limit() -> None:
    # 360 of 1,200 is 30 %: a fifth and two points more are 38 %.
    assert answers(loads=(360, 456))[3] == PASSED
    assert answers(loads=(360, 457))[3] == FAILED
    assert answers(loads=(720, 600))[3] == PASSED  # 50 % at most, whatever the champion flags
    assert answers(loads=(720, 601))[3] == FAILED


def test_a_candidate_that_flags_everything_fails_even_with_a_champion_that_flags_nearly_everything() -> None:
    everything = gate(report(champion=(39, 190), candidate=(40, 200), loads=(1140, 1200)), limits=LIMITS)
    assert everything[3].answer == FAILED
    assert "the limit is 50.0%" in everything[3].detail


def test_without_a_replay_the_load_is_not_known() -> None:
    assert answers(replayed=99, loads=(30, 20))[3] == UNDECIDED
    unread = report()
    unread["replay"] = {"n": 0, "unreadable": 7}
    assert gate(unread, limits=LIMITS)[3].answer == UNDECIDED


def test_the_gate_judges_the_operating_point_that_was_chosen() -> None:
    assert answers(shift=2.0)[1] == FAILED
    assert answers(shift=-2.0) == [PASSED, PASSED, PASSED, FAILED]
    with pytest.raises(KeyError):
        answers(shift=0.123)


def test_an_unweighted_comparison_of_before_decides_nothing() -> None:
    old = report()
    del old["holdout"]["weighted"], old["replay"]["curve"]
    (check,) = gate(old, limits=LIMITS)
    assert (check.answer, check.detail, check.passed) == (UNDECIDED, OLD_REPORT, False)
    assert not any(point["gate_open"] for point in points_with_gate(old))


def test_what_a_sample_is_worth_is_said_in_words() -> None:
    assert (
        "40 held-out fakes count like 20; an audit of cleared faces found 10 of them"
        in gate(report())[0].detail
    )
