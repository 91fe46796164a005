from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as ValkeyAway
from structlog.contextvars import bound_contextvars, clear_contextvars, get_contextvars

from kyc_review import celery_app
from kyc_review.celery import count_task, name_in_logs
from kyc_review.core import wake
from kyc_review.core.valkey import client
from kyc_review.core.wake import WakeUp
from kyc_review.webhooks.tasks import deliver_due

ALL = [value for value in vars(wake).values() if isinstance(value, WakeUp)]
MARK = "test:woken"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failure of an earlier test, and none is left."""
    monkeypatch.setattr(wake, "_sent_again_at", 0.0)


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
    asked = []

    def away(*args: object, **options: object) -> None:
        asked.append(args)
        raise ValkeyAway("no connection")

    monkeypatch.setattr(celery_app, "send_task", away)
    WakeUp("a.task").send()
    assert "the sweep will find the work" in caplog.text
    WakeUp("a.task").send()
    assert len(asked) == 1, "requests do not wait for its time-out one after the other"
    monkeypatch.setattr(wake, "_sent_again_at", wake._sent_again_at - wake.PAUSE_S)
    WakeUp("a.task").send()
    assert len(asked) == 2


def test_a_message_goes_to_the_queue_of_its_task() -> None:
    celery_app.set_current()
    queues = {wake_up.task: celery_app.amqp.router.route({}, wake_up.task)["queue"].name for wake_up in ALL}
    assert queues[wake.SCORING.task] == "scoring"
    assert queues[wake.EVIDENCE.task] == "evidence"
    assert queues[wake.TRAINING.task] == "training"
    assert queues[wake.WEBHOOKS.task] == "default"


def test_the_message_says_which_request_sent_it_and_the_task_s_log_lines_do_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(celery_app, "send_task", lambda task, **options: headers.update(options["headers"]))
    who = {"request_id": "one-request", "trace_id": "0af7", "key": "kyc_live_0001"}
    clear_contextvars()  # what a request of another test left in this thread
    with bound_contextvars(**who, address="203.0.113.9"):
        WakeUp("a.task").send()
    assert headers == {"asked_by": who}
    deliver_due.push_request(id="1", **headers)  # type: ignore[call-arg]  # as a worker does with a message's headers
    try:
        name_in_logs(task_id="1", task=deliver_due)
        assert get_contextvars() == who | {"task": "webhooks.tasks.deliver_due", "task_id": "1"}
        count_task(task_id="1", task=deliver_due, state="SUCCESS")
        assert get_contextvars() == {}
    finally:
        deliver_due.pop_request()
