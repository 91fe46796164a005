"""Exports that take longer than a request's statement may, and those of a database that hangs, in autocommit."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.db.models import Func, TextField, Value

from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db import answers
from kyc_review.core.db import base as backend
from kyc_review.records.exports import Export, rows_export
from kyc_review.records.tables import TABLES, event_rows
from kyc_review.records.writers import Format
from tests.factories.frozen import frozen_backends
from tests.factories.processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 4


@pytest.fixture(autouse=True)
def as_in_a_web_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As `wsgi.py` sets it, and in a second."""
    monkeypatch.setattr(backend, "ANSWER_MARGIN_S", 0)
    monkeypatch.setattr(backend, "GONE_CLIENT_AFTER_S", 1)
    connection.close()
    monkeypatch.setitem(connections.databases["default"], "STATEMENT_WAIT_S", 1)
    yield
    answers.silence.is_on = False
    connection.close()


def export(seconds_each: float) -> Export:
    """Of ROWS events; the server takes `seconds_each` for each."""
    for number in range(ROWS):
        audit.record(action=f"test.{number}", actor=None)
    sleeping = Func(Value(seconds_each), function="pg_sleep", output_field=TextField())
    rows = Event.objects.filter(action__startswith="test.").annotate(slept=sleeping).order_by("pk")
    return rows_export(
        table=TABLES["audit-events"],
        rows=event_rows(rows),
        format=Format.CSV,
        actor=None,
        asked={},
        name="events.csv",
    )


def ended() -> dict[str, Any]:
    return dict(Event.objects.get(action="export.ended").detail)


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_an_export_may_take_longer_than_a_statement_of_a_request() -> None:
    pid = backend_pid()
    content = b"".join(export(0.5).pieces)
    assert content.count(b"test.") == ROWS
    assert backend_pid() == pid
    assert ended()["is_complete"]


def test_an_export_of_a_database_that_hangs_ends_and_the_audit_log_says_so(settings: Any) -> None:
    settings.EXPORT_WAIT_S = 2
    pieces = export(0).pieces
    header = next(pieces)
    received: list[bytes] = []
    with ExitStack() as freezing:
        freezing.enter_context(frozen_backends())
        with pytest.raises(OperationalError):
            received.extend(pieces)
        assert received
        assert b"INCOMPLETE" in received[-1]
        assert not answers.silence.is_on, "a slow export is no sign for others"
        told = ended()
    assert (told["is_complete"], told["rows"]) == (False, 0)
    assert told["bytes"] == len(header) + len(b"".join(received))


def test_the_server_ends_what_it_reads_for_a_connection_that_was_given_up(settings: Any) -> None:
    settings.EXPORT_WAIT_S = 2
    pid = backend_pid()
    with pytest.raises(OperationalError):
        list(export(60).pieces)

    def is_gone() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid])
            return bool(cursor.fetchone()[0] == 0)

    assert eventually(is_gone, 30), "by itself it would take four minutes"
