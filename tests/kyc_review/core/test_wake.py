from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as ValkeyAway

from kyc_review import celery_app
from kyc_review.core import wake
from kyc_review.core.valkey import client
from kyc_review.core.wake import WakeUp

ALL = [value for value in vars(wake).values() if isinstance(value, WakeUp)]
MARK = "test:woken"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    messages: list[str] = []
    monkeypatch.setattr(celery_app, "send_task", lambda task, **options: messages.append(task))
    client().delete(MARK)
    yield messages
    client().delete(MARK)


def test_every_name_is_a_task() -> None:
    celery_app.loader.import_default_modules()
    assert len(ALL) == 8
    assert {wake_up.task for wake_up in ALL} <= set(celery_app.tasks)


def test_many_calls_send_one_message_until_the_worker_is_awake(sent: list[str]) -> None:
    wake_up = WakeUp("a.task", mark=MARK)
    wake_up.send()
    wake_up.send()
    assert sent == ["a.task"]
    wake_up.acknowledge()
    wake_up.send()
    assert sent == ["a.task"] * 2


def test_without_a_mark_each_call_sends(sent: list[str]) -> None:
    WakeUp("a.task").send()
    WakeUp("a.task").send()
    assert sent == ["a.task"] * 2


def test_a_broker_that_is_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*args: object, **options: object) -> None:
        raise ValkeyAway("no connection")

    monkeypatch.setattr(celery_app, "send_task", away)
    WakeUp("a.task").send()
    assert "the sweep will find the work" in caplog.text


def test_a_message_goes_to_the_queue_of_its_task() -> None:
    celery_app.set_current()
    queues = {wake_up.task: celery_app.amqp.router.route({}, wake_up.task)["queue"].name for wake_up in ALL}
    assert queues[wake.SCORING.task] == "scoring"
    assert queues[wake.EVIDENCE.task] == "evidence"
    assert queues[wake.TRAINING.task] == "training"
    assert queues[wake.WEBHOOKS.task] == "default"
