"""A scoring worker says that it lives, and what is wrong."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kyc_review.pipeline import heartbeat
from kyc_review.scoring.models import ScoringWorker
from kyc_review.scoring.state import SILENT_AFTER_S, scoring_state

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    monkeypatch.setattr(heartbeat, "_engine_refused", "")


def test_a_worker_that_says_nothing_counts_as_dead() -> None:
    assert scoring_state().workers == 0
    heartbeat.beat()
    assert scoring_state().workers == 1
    silent = timezone.now() - timedelta(seconds=SILENT_AFTER_S + 1)
    ScoringWorker.objects.update(seen_at=silent)
    assert scoring_state().workers == 0
    heartbeat.beat()
    assert scoring_state().workers == 1


def test_a_worker_that_ends_says_so() -> None:
    heartbeat.beat()
    heartbeat.heartbeat_stop()
    assert scoring_state().workers == 0


def test_those_that_died_long_ago_are_forgotten() -> None:
    ScoringWorker.objects.create(name="old", seen_at=timezone.now() - timedelta(hours=2))
    heartbeat.beat()
    assert [row.name for row in ScoringWorker.objects.all()] == ["host:7:abc"]


def test_a_problem_lasts_until_the_same_work_succeeds() -> None:
    heartbeat.beat()
    with pytest.raises(RuntimeError), heartbeat.problems_noted("selfies"):
        raise RuntimeError("no bundle")
    state = scoring_state()
    assert (state.workers, state.failing, state.problem) == (1, 1, "selfies: RuntimeError: no bundle")
    since = ScoringWorker.objects.get().problem_since
    with heartbeat.problems_noted("sample"):
        pass
    assert scoring_state().failing == 1
    with pytest.raises(RuntimeError), heartbeat.problems_noted("selfies"):
        raise RuntimeError("still no bundle")
    assert ScoringWorker.objects.get().problem_since == since
    with heartbeat.problems_noted("selfies"):
        pass
    assert scoring_state().failing == 0


def test_an_engine_is_refused_by_a_scoring_worker_alone_also_before_its_first_beat() -> None:
    heartbeat.engine_refused("no processor for it")
    assert not ScoringWorker.objects.exists(), "an evidence worker refuses engines, too"
    heartbeat.beat()
    assert ScoringWorker.objects.get().engine_refused == "no processor for it"
    heartbeat.engine_refused("differs from torch")
    assert ScoringWorker.objects.get().engine_refused == "differs from torch"
