import pytest

from kyc_review.training.gate import gate
from tests.factories.reports import report


def verdicts(**figures: object) -> list[bool]:
    return [check.passed for check in gate(report(**figures))]


def test_a_candidate_that_catches_more_and_flags_less_passes() -> None:
    assert verdicts() == [True, True, True]


def test_a_recall_below_the_champions_interval_closes_the_gate() -> None:
    assert verdicts(champion=(36, 60), candidate=(31, 50)) == [True, False, True]
    assert verdicts(champion=(36, 60), candidate=(33, 50)) == [True, True, True]


def test_a_load_above_its_limit_closes_the_gate() -> None:
    # 60 of 200 is 30 %: a fifth and two points more are 38 %.
    assert verdicts(candidate=(36, 76)) == [True, True, True]
    assert verdicts(candidate=(36, 77)) == [True, True, False]


def test_a_handful_of_fakes_says_too_little() -> None:
    assert verdicts(champion=(15, 60), candidate=(18, 50), fakes=19) == [False, True, True]


def test_the_gate_judges_the_operating_point_that_was_chosen() -> None:
    raised, lowered = gate(report(), shift=2.0), gate(report(), shift=-2.0)
    assert [check.passed for check in raised] == [True, False, True]
    assert [check.passed for check in lowered] == [True, True, False]
    with pytest.raises(KeyError):
        gate(report(), shift=0.123)


def test_no_limit_is_above_every_face() -> None:
    limits = gate(report(champion=(30, 190)))[2]
    assert "the limit is 100.0%" in limits.detail
