from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kyc_review.training.gate import OLD_REPORT, Answer, gate, load_limit, points_with_gate
from kyc_review.training.gate_limits import Limits
from tests.factories.reports import report

PASSED, FAILED, UNDECIDED = Answer
LIMITS = Limits(
    recall_margin=0.05, recall_min=0.5, load_max=None, load_factor=1.2, group_margin=0.1, audited_fakes=5
)


def answers(shift: float = 0.0, limits: Limits = LIMITS, **figures: Any) -> list[Answer]:
    return [check.answer for check in gate(report(**figures), shift=shift, limits=limits)]


def test_a_candidate_that_catches_more_and_flags_less_passes() -> None:
    assert answers() == [PASSED] * 5


@pytest.mark.parametrize("function", [gate, points_with_gate])
def test_the_gate_takes_its_limits_from_its_caller_and_reads_no_database(
    function: Callable[..., Any],
) -> None:
    """This test may not use the database, so a default that reads it fails."""
    with pytest.raises(TypeError, match="limits"):
        function(report())
    assert function(report(), limits=LIMITS)


def test_few_audited_fakes_say_nothing_however_good_the_candidate_looks() -> None:
    assert answers(audited=4) == [UNDECIDED, PASSED, PASSED, PASSED, PASSED]


def test_the_whole_interval_of_the_difference_must_lie_above_the_margin() -> None:
    equal: dict[str, Any] = {"champion": (36, 60), "candidate": (36, 60)}
    assert answers(half=0.04, **equal)[1] == PASSED
    assert answers(half=0.06, **equal)[1] == UNDECIDED
    assert answers(half=0.04, champion=(36, 60), candidate=(32, 60))[1] == FAILED


def test_the_margin_is_the_banks() -> None:
    generous = replace(LIMITS, recall_margin=0.1)
    equal: dict[str, Any] = {"champion": (36, 60), "candidate": (36, 60), "half": 0.06}
    assert answers(**equal)[1] == UNDECIDED
    assert answers(limits=generous, **equal)[1] == PASSED


def test_recall_has_a_floor_that_does_not_move_with_the_champion() -> None:
    # The factory's interval is ten points on each side.
    assert answers(champion=(10, 60), candidate=(25, 50))[2] == PASSED
    assert answers(champion=(10, 60), candidate=(20, 50))[2] == UNDECIDED
    assert answers(champion=(10, 60), candidate=(14, 50))[2] == FAILED


def test_the_load_of_the_replay_follows_the_champions() -> None:
    # 360 of 1,200 is 30 %: a fifth and two points more are 38 %.
    assert answers(loads=(360, 456))[3] == PASSED
    assert answers(loads=(360, 457))[3] == FAILED
    # A champion that flags 60 %, as the demonstration's does: 74 %.
    assert answers(loads=(720, 888))[3] == PASSED
    assert answers(loads=(720, 889))[3] == FAILED


def test_a_ceiling_of_load_is_the_banks_to_set() -> None:
    ceiling = replace(LIMITS, load_max=0.5)
    assert answers(loads=(720, 600), limits=ceiling)[3] == PASSED
    assert answers(loads=(720, 601), limits=ceiling)[3] == FAILED


@pytest.mark.parametrize("champions", [0.0, 0.3, 0.6, 0.85, 0.95, 0.99])
def test_a_candidate_that_flags_everything_never_passes(champions: float) -> None:
    assert load_limit(champions, LIMITS) < 1
    assert load_limit(champions, replace(LIMITS, load_factor=100.0)) < 1


def test_a_candidate_that_flags_everything_fails_even_with_a_champion_that_flags_nearly_everything() -> None:
    everything = gate(report(champion=(39, 190), candidate=(40, 200), loads=(1140, 1200)), limits=LIMITS)
    assert everything[3].answer == FAILED
    assert "the limit is 97.5%" in everything[3].detail


def test_a_group_that_clearly_loses_closes_the_gate() -> None:
    # The factory's only group has an interval of twelve points on each side.
    assert answers(champion=(38, 60), candidate=(30, 50))[4] == PASSED  # 20 points less: at best 8
    lost = gate(report(champion=(38, 60), candidate=(28, 50)), limits=LIMITS)[4]
    assert lost.answer == FAILED
    assert "Source “mobile-app”: -25 points (-37 to -13, 40 faces)" in lost.detail
    assert answers(champion=(30, 20), candidate=(36, 70))[4] == FAILED  # 25 points more false alarms
    assert len(answers(limits=replace(LIMITS, group_margin=None))) == 4


def test_groups_too_small_to_say_leave_the_gate_undecided() -> None:
    small = report()
    for point in small["holdout"]["weighted"]["points"]:
        point["worst_groups"] = {"recall": None, "false_alarm": None}
    assert gate(small, limits=LIMITS)[4].answer == UNDECIDED
    for point in small["holdout"]["weighted"]["points"]:
        del point["worst_groups"]
    assert gate(small, limits=LIMITS)[4].answer == UNDECIDED


def test_without_a_replay_the_load_is_not_known() -> None:
    assert answers(replayed=99, loads=(30, 20))[3] == UNDECIDED
    unread = report()
    unread["replay"] = {"n": 0, "unreadable": 7}
    assert gate(unread, limits=LIMITS)[3].answer == UNDECIDED


def test_the_gate_judges_the_operating_point_that_was_chosen() -> None:
    assert answers(shift=2.0)[1] == FAILED
    assert answers(shift=-2.0) == [PASSED, PASSED, PASSED, FAILED, FAILED]
    with pytest.raises(KeyError):
        answers(shift=0.123)


def test_an_unweighted_comparison_of_before_decides_nothing() -> None:
    old = report()
    del old["holdout"]["weighted"], old["replay"]["curve"]
    (check,) = gate(old, limits=LIMITS)
    assert (check.answer, check.detail, check.passed) == (UNDECIDED, OLD_REPORT, False)
    assert not any(point["gate_open"] for point in points_with_gate(old, LIMITS))


def test_what_a_sample_is_worth_is_said_in_words() -> None:
    assert (
        "40 held-out fakes count like 20; an audit of cleared faces found 10 of them"
        in gate(report(), limits=LIMITS)[0].detail
    )
