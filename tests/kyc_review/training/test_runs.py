from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.training import runs, worker
from kyc_review.training.jobs import (
    ATTEMPTS_MAX,
    JobLost,
    JobRefused,
    job_cancel,
    job_end,
    job_give_back,
    job_lease,
    job_renew,
)
from kyc_review.training.models import TrainingRun
from kyc_review.training.runs import run_request
from ml.balancing import DOCUMENT, WAYS, balance_names
from ml.training.decisions import LEAST
from tests.factories.runs import lapse

pytestmark = pytest.mark.django_db
State = TrainingRun.State


def test_the_least_of_decisions_is_what_training_asks_for() -> None:
    assert runs.LEAST == LEAST


def test_the_ways_to_balance_are_those_of_training() -> None:
    assert (*WAYS, DOCUMENT) == runs.BALANCES
    assert len(balance_names(DOCUMENT, runs.VOTERS)) == runs.VOTERS


def test_balance_and_weights_reach_the_training_command(serving: Bundle, ready: Snapshot) -> None:
    plain = worker.training(run_request(snapshot=ready), snapshot=ready.directory, init=serving.directory)
    assert plain[plain.index("--balance") + 1] == "pairs"
    assert "--no-weights" not in plain
    mixed = "pairs,pairs,smote,under"
    wished = worker.training(
        run_request(snapshot=ready, balance=mixed, weigh=False),
        snapshot=ready.directory,
        init=serving.directory,
    )
    assert wished[wished.index("--balance") + 1] == mixed
    assert "--no-weights" in wished


def test_a_run_remembers_the_champion_of_its_hour(run: TrainingRun, serving: Bundle) -> None:
    assert run.init == serving
    assert Event.objects.filter(action="training.requested", target_id=str(run.pk)).exists()


@pytest.mark.parametrize(
    ("chosen_options", "says"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 9999}, "epochs"),
        ({"balance": "fairly"}, "not a balancing method"),
        ({"balance": "pairs,smote"}, "each of the 4 voters"),
        ({"balance": "document,pairs,pairs,pairs"}, "each of the 4 voters"),
        ({"miss": 0.0}, "missed"),
        ({"miss": 0.9}, "missed"),
    ],
)
def test_a_wish_that_cannot_be_trained_is_refused(
    serving: Bundle, ready: Snapshot, chosen_options: dict, says: str
) -> None:
    with pytest.raises(JobRefused, match=says):
        run_request(snapshot=ready, **chosen_options)


def test_without_a_champion_nothing_can_be_trained(ready: Snapshot) -> None:
    with pytest.raises(JobRefused, match="No bundle is in production"):
        run_request(snapshot=ready)


def test_too_few_decisions_are_refused_before_anything_starts(serving: Bundle, ready: Snapshot) -> None:
    Snapshot.objects.filter(pk=ready.pk).delete()
    few = Snapshot.objects.create(
        name="few",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256="e" * 64,
        ready_at=timezone.now(),
        count_real=400,
        count_fake=3,
    )
    with pytest.raises(JobRefused, match="400 applicants labelled real and 3 labelled fake"):
        run_request(snapshot=few)


def test_applicants_are_counted_and_every_broken_rule_is_named(
    serving: Bundle, ready: Snapshot, settings: Any
) -> None:
    settings.TRAINING_DECISIONS_MIN = 500
    twins = Snapshot.objects.create(
        name="twins",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256="f" * 64,
        ready_at=timezone.now(),
        count_real=60,
        count_fake=40,
        facts={"applicants": {"real": 12, "fake": 3}},
    )
    with pytest.raises(JobRefused) as refusal:
        run_request(snapshot=twins)
    decisions = 100
    for said in (
        "12 applicants labelled real and 3 labelled fake",
        "at least 20 different applicants",
        f"{decisions} decisions",
        f"at least 500 (TRAINING_DECISIONS_MIN, {500 - decisions} more)",
    ):
        assert said in str(refusal.value)


def test_fewer_decisions_than_statistics_ask_for_are_refused(
    serving: Bundle, ready: Snapshot, settings: Any
) -> None:
    settings.TRAINING_DECISIONS_MIN = 201
    with pytest.raises(JobRefused, match=r"at least 201.* 1 more"):
        run_request(snapshot=ready)
    settings.TRAINING_DECISIONS_MIN = 200
    assert run_request(snapshot=ready).pk


def test_a_snapshot_that_is_not_ready_is_refused(serving: Bundle) -> None:
    with pytest.raises(JobRefused, match="not ready"):
        run_request(snapshot=Snapshot.objects.create(name="waits", count_real=40, count_fake=40))


def test_a_run_is_leased_once_and_counted_before_the_work(run: TrainingRun) -> None:
    held = job_lease(TrainingRun)
    assert held is not None
    assert (held.pk, held.attempts, held.state) == (run.pk, 1, State.RUNNING)
    assert job_lease(TrainingRun) is None


def test_a_dead_workers_run_is_leased_again_and_its_late_word_loses(run: TrainingRun) -> None:
    first = job_lease(TrainingRun)
    lapse(run)
    second = job_lease(TrainingRun)
    assert first is not None
    assert second is not None
    assert second.attempts == 2
    with pytest.raises(JobLost):
        job_renew(first)
    with pytest.raises(JobLost):
        job_end(first, State.FAILED, error="too late")
    assert job_renew(second) is False


def test_a_run_that_dies_again_and_again_fails(run: TrainingRun) -> None:
    for _ in range(ATTEMPTS_MAX):
        held = job_lease(TrainingRun)
        assert held is not None
        job_give_back(held, "It was ended by SIGSEGV.")
    assert job_lease(TrainingRun) is None
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "died 3 times" in run.error
    assert "SIGSEGV" in run.error


def test_a_worker_that_is_told_to_stop_costs_no_attempt(run: TrainingRun) -> None:
    held = job_lease(TrainingRun)
    assert held is not None
    job_give_back(held)
    again = job_lease(TrainingRun)
    assert again is not None
    assert again.attempts == 1


def test_a_waiting_run_is_cancelled_at_once(run: TrainingRun, staff: Callable[..., User]) -> None:
    job_cancel(job=run, actor=staff("ada", "admin"))
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    with pytest.raises(JobRefused, match="ended already"):
        job_cancel(job=run, actor=None)
    assert job_lease(TrainingRun) is None


def test_a_running_one_is_told_and_ends_even_if_its_worker_died(run: TrainingRun) -> None:
    held = job_lease(TrainingRun)
    assert held is not None
    job_cancel(job=run, actor=None)
    assert job_renew(held) is True
    lapse(run)
    assert job_lease(TrainingRun) is None
    run.refresh_from_db()
    assert run.state == State.CANCELLED
