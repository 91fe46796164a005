"""One event that stays for good stops neither verification nor pages nor exports, and exports that fail say so."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.audit.record_checks import record_problems
from kyc_review.records.columns import Row
from kyc_review.records.exports import rows_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
INSERT = """INSERT INTO audit_event (action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)
    VALUES (%s, 'system', '', '', 'submission', %s, %s)"""
HUGE = '{"size": 1' + 6000 * "0" + "}"
BATCH = """INSERT INTO audit_sealedbatch (number, sealed_at, cluster, is_resumption, events_after,
        through_transaction, through_event, next_transaction, size, event_ids, leaves, root, previous, key_id,
        signature) VALUES (1, %s, '', false, 0, 1, 1, 1, 0, '', '', '', '', '', '')"""
UNREADABLE = [
    '"scalar"',
    "[1]",
    "null",
    HUGE,
    '{"size": [{"a": -1' + 400 * "0" + "}]}",
    '{"a": ' + 3000 * "[" + 3000 * "]" + "}",
    json.dumps({"a": 300_000 * "x"}),
]


def put(detail: str, action: str = "item.decided", target: str = "") -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [action, target, detail])


@pytest.mark.parametrize("detail", UNREADABLE, ids=lambda detail: detail[:12])
def test_a_detail_that_cannot_be_read_is_refused(detail: str, as_application: None) -> None:
    with pytest.raises(DatabaseError, match="event_detail_is_read"):
        put(detail)
    put('{"text": "' + 5000 * "9" + '", "deep": [[[{"a": [1e300, -1]}]]]}')
    assert Event.objects.get(action="item.decided").detail["deep"] == [[[{"a": [10**300, -1]}]]]


@pytest.mark.parametrize("moment", ["infinity", "20000-01-01"])
def test_a_batch_is_of_a_time_that_can_be_read(moment: str) -> None:
    values = [moment]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_sealedbatch DISABLE TRIGGER USER")
        with pytest.raises(DatabaseError, match="batch_time_is_read"), transaction.atomic():
            cursor.execute(BATCH, values)


@pytest.fixture
def unbound() -> None:
    """As an event from before the constraint, or of somebody who owns the table."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DROP CONSTRAINT event_detail_is_read")


def test_verification_names_it_and_goes_on(unbound: None) -> None:
    put('"scalar"')
    put('{"a": 1}')
    event = Event.objects.order_by("pk")[0]
    assert event.detail == {"unreadable": '"scalar"'}
    problems = record_problems()
    assert f"unreadable: event {event.pk} (its detail is no object)" in problems
    assert [text for text in problems if text.startswith("no record: event")]


def test_pages_and_exports_show_what_they_can(
    unbound: None,
    submit: Callable[..., Submission],
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    row = submit()
    for detail in (HUGE, '"scalar"', '{"a": ' + 3000 * "[" + 3000 * "]" + "}"):
        put(detail, "submission.scored", str(row.pk))
    window = login(staff("audrey", "auditor"))
    for page in ("/insights/audit/", f"/insights/submissions/{row.pk}/"):
        answer = window.get(page)
        assert (answer.status_code, "unreadable: " in answer.text) == (200, True), page
    for format in ("csv", "jsonl"):
        answer = window.get(f"/records/audit-log.{format}?action=submission.scored")
        assert answer.getvalue().count(b"unreadable") == 3
    assert window.get(f"/insights/audit/receipts/{row.pk}/").status_code == 200


@pytest.mark.parametrize("format", [Format.CSV, Format.JSON_LINES])
def test_an_export_that_fails_does_not_look_whole(format: Format) -> None:
    def rows() -> Iterator[Row]:
        for number in range(501):
            yield (1, number, datetime.now(UTC), "a", "system", "", "", "", "", {})
        raise ValueError("broken")

    sent: list[bytes] = []
    pieces = rows_export(
        table=TABLES["audit-events"], rows=rows(), format=format, actor=None, asked={}, name="x"
    ).pieces
    with pytest.raises(ValueError, match="broken"):
        sent.extend(pieces)
    assert sent[-1].startswith(b"\nINCOMPLETE: this export failed")
    assert Event.objects.filter(action="export.ended", detail__is_complete=False).count() == 1
