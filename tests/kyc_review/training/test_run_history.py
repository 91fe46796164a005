"""A run tells its phases, and that its worker was killed and another one went on."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.registry.models import Bundle
from kyc_review.training.jobs import State, job_end, job_give_back, job_lease
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.run_history import events_of, is_silent, phases_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def page_of(person: User, run: TrainingRun) -> str:
    client = Client()
    client.force_login(person)
    return unescape(client.get(f"/retraining/runs/{run.pk}/").content.decode())


def tell(run: TrainingRun, *lines: tuple[datetime, str, str]) -> None:
    run.progress.parent.mkdir(parents=True, exist_ok=True)
    told = [{"at": at.isoformat(), "phase": phase, "member": member} for at, phase, member in lines]
    run.progress.write_text("".join(json.dumps(line) + "\n" for line in told) + '{"at": "half a li')


def test_phases_follow_the_lines_of_the_training(run: TrainingRun) -> None:
    assert [phase.name for phase in phases_of(run)] == ["Waiting for a worker"]
    leased = job_lease(TrainingRun)
    assert leased is not None
    run.refresh_from_db()
    began = run.started_at
    assert began is not None
    assert [phase.name for phase in phases_of(run)] == ["Waiting for a worker", "Reading the snapshot"]

    def after(minutes: int) -> datetime:
        return began + timedelta(minutes=minutes)

    tell(
        run,
        (after(-9), "train", "of an earlier attempt"),
        (after(2), "train", "north"),
        (after(4), "train", "north"),
        (after(9), "train", "east"),
        (after(10), "finish", ""),
    )
    run.state, run.ended_at = State.FAILED, after(12)
    shown = [(phase.name, phase.took) for phase in phases_of(run)[1:]]
    assert shown == [
        ("Training north", timedelta(minutes=4)),
        ("Training east", timedelta(minutes=5)),
        ("Fitting the stack, measuring", timedelta(minutes=3)),
    ]


def test_a_killed_worker_is_told_of_and_so_is_the_next_attempt(
    run: TrainingRun, ada: User, alice: User
) -> None:
    first = job_lease(TrainingRun)
    assert first is not None
    run.refresh_from_db()
    assert not is_silent(run)
    TrainingRun.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    run.refresh_from_db()
    assert is_silent(run)
    page = page_of(ada, run)
    assert "Its worker has not answered since" in page
    assert "Running for" in page
    second = job_lease(TrainingRun)
    assert second is not None
    job_give_back(second, "It was ended by SIGKILL (out of memory?).")
    assert job_lease(TrainingRun) is not None
    told = [(one.text, one.detail) for one in events_of(viewer=ada, job=run)]
    assert told == [
        ("Requested", ""),
        ("A worker began", ""),
        ("Another attempt went on after its last finished model", "Its worker no longer answered."),
        (
            "Another attempt went on after its last finished model",
            "It was ended by SIGKILL (out of memory?).",
        ),
    ]
    page = page_of(ada, run)
    assert "SIGKILL" in page
    assert "attempt 3" in page
    assert events_of(viewer=alice, job=run) == []


def test_a_finished_run_leads_to_its_candidate_and_comparison(
    run: TrainingRun, candidate: Bundle, comparison: Comparison, ada: User
) -> None:
    leased = job_lease(TrainingRun)
    assert leased is not None
    job_end(leased, State.SUCCEEDED, candidate=candidate)
    page = page_of(ada, run)
    assert f"/registry/{candidate.digest}/" in page
    assert f"/retraining/comparisons/{comparison.pk}/" in page
