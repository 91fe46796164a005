import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.voting import Verdict, Vote, decide, risk, shifted


def five(*fake: bool) -> list[Vote]:
    return [Vote(f"m{i}", 0.9 if call else 0.1, 0.5) for i, call in enumerate(fake)]


@pytest.mark.parametrize("pattern", list(product([False, True], repeat=5)))
def test_each_of_the_32_patterns_has_its_verdict(pattern: tuple[bool, ...]) -> None:
    expected = {0: Verdict.CLEAR, 5: Verdict.UNANIMOUS_FAKE}.get(sum(pattern), Verdict.SPLIT_VOTE)
    assert decide(five(*pattern)) is expected


def test_a_probability_at_the_threshold_is_a_call_of_fake() -> None:
    assert Vote("m", 0.5, 0.5).is_fake
    assert not Vote("m", math.nextafter(0.5, 0), 0.5).is_fake


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, -0.01, 1.01])
def test_what_is_no_probability_cannot_vote(wrong: float) -> None:
    with pytest.raises(ValueError):
        Vote("m", wrong, 0.5)
    with pytest.raises(ValueError):
        Vote("m", 0.5, wrong)


@pytest.mark.parametrize(
    "votes", [[], five(True) * 5, five(*[False] * 4), five(*[False] * 5) + five(True)[:1]]
)
def test_only_five_different_members_make_a_verdict(votes: list[Vote]) -> None:
    with pytest.raises(ValueError):
        decide(votes)


unit = st.floats(0, 1)


@given(st.lists(st.tuples(unit, unit), min_size=5, max_size=5), st.integers(0, 4), unit)
def test_risk_lies_in_the_unit_interval_and_grows_with_each_probability(
    pairs: list[tuple[float, float]], index: int, other: float
) -> None:
    votes = [Vote(f"m{i}", p, t) for i, (p, t) in enumerate(pairs)]
    assert 0 <= risk(votes) <= 1
    changed = [*votes]
    changed[index] = Vote("changed", other, votes[index].threshold)
    if other >= votes[index].probability:
        assert risk(changed) >= risk(votes) - 1e-12


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.93])
def test_a_shift_moves_a_threshold_on_the_logit_scale(threshold: float) -> None:
    assert shifted(threshold, 0.0) == threshold
    assert 0 < shifted(threshold, -0.7) < threshold < shifted(threshold, 0.7) < 1
    assert shifted(shifted(threshold, 0.7), -0.7) == pytest.approx(threshold)
