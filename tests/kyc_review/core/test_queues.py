from pathlib import Path

import pytest
from celery import current_app
from celery.beat import ScheduleEntry
from celery.schedules import schedule

from kyc_review.core.queues import WAITING_MAX, has_place
from kyc_review.core.scheduler import BoundedScheduler
from kyc_review.core.valkey import client

SWEEP = "kyc_review.training.tasks.run_due_jobs"


@pytest.fixture
def queue() -> str:
    """A queue that no worker of the tests reads."""
    client().delete("training")
    return "training"


def test_a_scheduler_sends_no_more_than_a_stopped_worker_can_use(queue: str, tmp_path: Path) -> None:
    scheduler = BoundedScheduler(app=current_app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
    entry = ScheduleEntry(name="sweep", task=SWEEP, schedule=schedule(run_every=15), app=current_app)
    for _ in range(WAITING_MAX + 5):
        scheduler.apply_entry(entry)
    assert client().llen(queue) == WAITING_MAX
    assert not has_place(SWEEP)
    client().rpop(queue)
    assert has_place(SWEEP)
    client().delete(queue)


def test_no_message_carries_a_moment_of_the_senders_clock(queue: str) -> None:
    current_app.send_task(SWEEP)
    assert '"expires": null' in str(client().rpop(queue))
    for entry in current_app.conf.beat_schedule.values():
        assert "options" not in entry
