"""The events as a list to poll: complete, in order, and nothing before what was read."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Event, Kind
from kyc_review.webhooks.services import send_test_event

URL = "/api/v1/events"


def older() -> None:
    """Two seconds pass."""
    for row in Event.objects.all():
        Event.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(seconds=2))


@pytest.mark.django_db
def test_events_are_read_page_by_page_without_an_endpoint(
    api: Client, submit: Callable[..., Submission]
) -> None:
    rows = [submit() for _ in range(5)]
    for row in rows:
        event_record(submission=row, kind=Kind.QUEUED)
    older()
    seen, after = [], ""
    for _ in range(3):
        body = api.get(f"{URL}?limit=2{after}").json()
        seen += body["data"]
        after = f"&after={body['next']}"
    assert [one["data"]["id"] for one in seen] == [str(row.pk) for row in rows]
    assert not body["has_more"]
    empty = api.get(f"{URL}?limit=2{after}").json()
    assert (empty["data"], empty["next"]) == ([], body["next"])  # the place is kept


@pytest.mark.django_db
def test_an_event_has_the_body_of_its_webhook_and_test_events_are_left_out(
    api: Client, submit: Callable[..., Submission], endpoint: tuple[Endpoint, str]
) -> None:
    event_record(submission=submit(), kind=Kind.QUEUED)
    send_test_event(endpoint=endpoint[0])
    older()
    shown = api.get(URL).json()["data"]
    event = Event.objects.exclude(kind=Kind.TEST).get()
    assert [(one["id"], one["type"], one["data"]) for one in shown] == [
        (event.message_id, event.payload["type"], event.payload["data"])
    ]


@pytest.mark.django_db
def test_a_key_reads_the_events_of_its_integration_and_mode_only(
    client: Client, integration: Integration, submit: Callable[..., Submission]
) -> None:
    other = accounts.integration_create(slug="other", name="Other")
    for row in (submit(), submit(is_test=True), submit(integration=other)):
        event_record(submission=row, kind=Kind.QUEUED)
    older()
    for owner, is_test in ((integration, False), (integration, True), (other, False)):
        key = accounts.key_create(integration=owner, is_test=is_test)[1]
        data = client.get(URL, headers={"Authorization": f"Bearer {key}"}).json()["data"]
        row = Submission.objects.get(integration=owner, is_test=is_test)
        assert [one["data"]["id"] for one in data] == [str(row.pk)]
    theirs = Event.objects.get(integration=other).message_id
    key = accounts.key_create(integration=integration)[1]
    refused = client.get(f"{URL}?after={theirs}", headers={"Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (400, "after")


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_not_committed_yet_holds_back_the_later_ones(
    api: Client, submit: Callable[..., Submission]
) -> None:
    """A reader that moved on to the later event would never see the earlier one."""
    first, second = submit(), submit()
    written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            event_record(submission=first, kind=Kind.QUEUED)
            written.set()
            assert may_commit.wait(20)
        connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert written.wait(20)
    event_record(submission=second, kind=Kind.QUEUED)
    # Only the second is committed; it is made to be long past the second that is always held back.
    Event.objects.update(created_at=timezone.now() + timedelta(milliseconds=1))
    threading.Event().wait(1.2)
    assert api.get(URL).json()["data"] == []
    may_commit.set()
    writer.join()
    assert [one["data"]["id"] for one in api.get(URL).json()["data"]] == [str(first.pk), str(second.pk)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends", ["SELECT 1", "SELECT pg_sleep(5)"], ids=["idle", "active"])
def test_a_long_reading_transaction_such_as_a_backup_holds_up_nothing(
    api: Client, submit: Callable[..., Submission], ends: str
) -> None:
    row = submit()
    has_read, may_end = threading.Event(), threading.Event()

    def read_slowly() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert not Event.objects.exists()
            has_read.set()
            cursor.execute(ends)
            assert may_end.wait(20)
        connection.close()

    reader = threading.Thread(target=read_slowly)
    reader.start()
    assert has_read.wait(20)
    event_record(submission=row, kind=Kind.QUEUED)
    threading.Event().wait(1.2)
    shown = [one["data"]["id"] for one in api.get(URL).json()["data"]]
    may_end.set()
    reader.join()
    assert shown == [str(row.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_read_for_long_before_it_writes_loses_no_event(
    api: Client, submit: Callable[..., Submission]
) -> None:
    first, second = submit(), submit()
    has_read, may_write, written, may_commit = (threading.Event() for _ in range(4))

    def read_then_write() -> None:
        with transaction.atomic():
            assert not Event.objects.exists()
            has_read.set()
            assert may_write.wait(20)
            event_record(submission=second, kind=Kind.QUEUED)
            written.set()
            assert may_commit.wait(20)
        connection.close()

    def shown() -> list[str]:
        return [one["data"]["id"] for one in api.get(URL).json()["data"]]

    writer = threading.Thread(target=read_then_write)
    writer.start()
    assert has_read.wait(20)
    event_record(submission=first, kind=Kind.QUEUED)
    threading.Event().wait(1.2)
    before = shown()
    may_write.set()
    assert written.wait(20)
    meanwhile = shown()
    may_commit.set()
    writer.join()
    threading.Event().wait(1.2)
    assert before == [str(first.pk)]
    assert meanwhile in ([], before)  # nothing new until it commits
    assert shown() == [str(first.pk), str(second.pk)]
