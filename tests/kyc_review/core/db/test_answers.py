"""A server that hangs while its kernel acknowledges is given up by web processes, and answers again later."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client

from kyc_review.celery import give_up_databases_that_hang
from kyc_review.core.db import answers
from kyc_review.core.db import base as backend
from kyc_review.core.db.base import DatabaseWrapper
from kyc_review.core.problems import RETRY_AFTER_S, RETRY_SLOW_AFTER_S, is_passing, unavailable
from kyc_review.ops import health
from kyc_review.scoring.models import ScoringWorker
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.frozen import frozen_backends
from tests.factories.processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def as_in_a_web_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As `wsgi.py` sets it, and in a second."""
    monkeypatch.setattr(backend, "ANSWER_MARGIN_S", 0)
    monkeypatch.setattr(health, "_kept", {})
    connection.close()
    monkeypatch.setitem(connections.databases["default"], "STATEMENT_WAIT_S", 1)
    yield
    answers.silence.is_on = False
    connection.close()


def request_begins() -> None:
    """What Django's signal does, which its test client leaves out."""
    connection.close_if_unusable_or_obsolete()


def value(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_a_statement_without_an_answer_is_given_up_and_the_next_request_connects_anew() -> None:
    pid = value("SELECT pg_backend_pid()")
    with frozen_backends() as frozen:
        assert frozen == [pid]
        with pytest.raises(OperationalError):
            value("SELECT 1")
        assert answers.silence.is_on
        request_begins()
        assert value("SELECT pg_backend_pid()") != pid
        assert not answers.silence.is_on


def test_a_commit_without_an_answer_is_an_error_although_it_may_have_been_made() -> None:
    with ExitStack() as freezing:

        def create() -> None:
            with transaction.atomic():
                ScoringWorker.objects.create(name="host:1:abc")
                freezing.enter_context(frozen_backends())

        with pytest.raises(OperationalError):
            create()
        request_begins()
        assert not ScoringWorker.objects.exists()
    assert eventually(ScoringWorker.objects.exists), "the server had received it"


def test_the_next_rows_of_a_cursor_without_an_answer_are_an_error() -> None:
    ScoringWorker.objects.bulk_create(ScoringWorker(name=f"host:{number}") for number in range(3))
    with transaction.atomic():
        rows = ScoringWorker.objects.iterator(chunk_size=1)
        next(rows)
        next(rows)  # one chunk is read ahead
        with frozen_backends(), pytest.raises(OperationalError):
            list(rows)
        transaction.set_rollback(True)


def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_its_connection_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "ANSWER_MARGIN_S", 60)
    pid = value("SELECT pg_backend_pid()")
    with pytest.raises(OperationalError) as ended:
        value("SELECT pg_sleep(60)")
    assert isinstance(ended.value.__cause__, psycopg.errors.QueryCanceled)
    assert not answers.silence.is_on
    assert value("SELECT pg_backend_pid()") == pid


def test_rows_that_have_come_may_be_read_slowly() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT generate_series(1, 3)")
        for _ in cursor:
            time.sleep(0.6)
    assert value("SELECT 7") == 7


def test_workers_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their statements may take long, and what they hold ends by leases."""
    monkeypatch.delitem(connections.databases["default"], "STATEMENT_WAIT_S")
    with ThreadPoolExecutor(1) as threads:
        pid = threads.submit(value, "SELECT pg_backend_pid()").result()
        with frozen_backends() as frozen:
            assert pid in frozen
            waiting = threads.submit(value, "SELECT pg_backend_pid()")
            time.sleep(1.5)
            assert not waiting.done()
        assert waiting.result(60) == pid
        threads.submit(connections.close_all).result()


def test_workers_give_up_later_and_the_server_ends_none_of_their_statements(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.delitem(connections.databases["default"], "STATEMENT_WAIT_S")
    monkeypatch.setitem(connections.databases["default"], "ANSWER_WAIT_S", None)
    settings.WORKER_ANSWER_WAIT_S = 1
    give_up_databases_that_hang()
    assert value("SHOW statement_timeout") == "0"
    assert value("SHOW client_connection_check_interval") == "5s"
    pid = value("SELECT pg_backend_pid()")
    with frozen_backends():
        with pytest.raises(OperationalError):
            value("SELECT 1")
        request_begins()  # as Celery does before each task
        assert value("SELECT pg_backend_pid()") != pid


def test_workers_are_not_refused_while_another_thread_tries_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(connections.databases["default"], "STATEMENT_WAIT_S")
    monkeypatch.setitem(connections.databases["default"], "ANSWER_WAIT_S", 900)
    pid = value("SELECT pg_backend_pid()")
    answers.silence.begin(time.monotonic())
    with answers.silence.connecting():
        assert connection.is_usable()
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(value, "SELECT pg_backend_pid()").result(60) != pid
            threads.submit(connections.close_all).result()


def test_while_one_thread_tries_to_connect_the_others_are_refused_at_once() -> None:
    """A frozen server's kernel accepts connections, too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = {"HOST": "127.0.0.1", "PORT": silent.getsockname()[1], "OPTIONS": {"connect_timeout": 2}}

        def refusal() -> str:
            other = DatabaseWrapper(connection.settings_dict | there)
            with closing(other), pytest.raises(OperationalError) as refused:
                other.ensure_connection()
            return str(refused.value)

        assert "timeout" in refusal()
        assert answers.silence.is_on
        with answers.silence.connecting():
            assert "another thread tries" in refusal()
        answers.silence.begin(time.monotonic())
        assert "timeout" in refusal(), "the next one may try"
    assert value("SELECT 1") == 1
    assert not answers.silence.is_on


def test_a_kept_connection_is_asked_nothing_while_the_server_is_silent() -> None:
    value("SELECT 1")
    assert connection.is_usable()
    answers.silence.begin(time.monotonic())
    assert not connection.is_usable()


def test_probes_say_that_the_database_hangs_and_judge_nothing_else_by_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_identity_ensure()
    monkeypatch.setattr(health, "DATABASE_WAIT_S", 2)
    assert client.get("/readyz/web").status_code == 200
    health._kept.clear()
    with frozen_backends():
        answer = client.get("/readyz")
    found = answer.json()["checks"]
    assert answer.status_code == 503
    assert "has not answered for 2 s" in found["database"]
    assert {name for name, text in found.items() if text == health.NOT_ASKED} == health.ASK_DATABASE
    assert found["broker"] == "ok"
    health._kept.clear()
    request_begins()
    assert client.get("/readyz/web").status_code == 200


def test_a_wait_from_before_the_latest_connection_begins_no_silence() -> None:
    """Its server is the one that was given up; the present one has answered."""
    since = time.monotonic()
    connection.close()
    value("SELECT 1")
    answers.silence.begin(since)
    assert not answers.silence.is_on
    answers.silence.begin(time.monotonic())
    assert answers.silence.is_on


def test_a_slow_statement_of_a_probe_costs_no_connection(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DATABASE_STATEMENT_S", 0.5)

    def slow() -> None:
        with health._locks_bounded():
            value("SELECT pg_sleep(60)")

    monkeypatch.setitem(health.CHECKS, "scoring", slow)
    pid = value("SELECT pg_backend_pid()")
    assert client.get("/readyz").json()["checks"]["scoring"] == "does not answer"
    assert not answers.silence.is_on
    assert value("SELECT pg_backend_pid()") == pid


def test_a_statement_of_a_probe_that_gets_no_answer_spares_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "DATABASE_WAIT_S", 2)

    def hangs() -> None:
        with frozen_backends():
            value("SELECT 1")

    value("SELECT 1")
    assert health._found("scoring", hangs) == "does not answer"
    assert not answers.silence.is_on


def test_a_shorter_limit_of_the_role_stays() -> None:
    shorter = connection.settings_dict["OPTIONS"] | {
        "options": "-c statement_timeout=700ms -c lock_timeout=2min"
    }
    other = DatabaseWrapper(
        connection.settings_dict | {"OPTIONS": shorter, "LOCK_WAIT_S": 5, "STATEMENT_WAIT_S": 1}
    )
    with closing(other), other.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("700ms", "5s")


def test_a_statement_that_took_too_long_is_repeated_later(caplog: pytest.LogCaptureFixture) -> None:
    value("SELECT set_config('statement_timeout', '50ms', false)")
    with pytest.raises(OperationalError) as slow:
        value("SELECT pg_sleep(60)")
    assert is_passing(slow.value)
    assert unavailable(slow.value).headers["Retry-After"] == RETRY_SLOW_AFTER_S
    assert "57014" in caplog.text
    assert unavailable(OperationalError("the connection is lost")).headers["Retry-After"] == RETRY_AFTER_S
