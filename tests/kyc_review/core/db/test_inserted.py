"""A row that is inserted by a kept statement is the row that `save` writes."""

import uuid
from collections.abc import Sequence

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event
from kyc_review.core.db.copy import copy_rows
from kyc_review.core.db.inserted import insert
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db


def submission(beside: Sequence[Model] = (), **said: object) -> Submission:
    integration, _ = Integration.objects.get_or_create(slug="onboarding", name="Onboarding")
    facts = {"image_key": "00/a.jpeg", "sha256": "0" * 64, "size_bytes": 1, "format": "JPEG"}
    row = Submission(integration=integration, external_ref="a", width=1, height=1, **facts | said)
    insert(row, *beside)
    return row


def as_read(row: Model) -> dict[str, object]:
    found = type(row)._default_manager.get(pk=row.pk)
    return {field.attname: getattr(found, field.attname) for field in row._meta.concrete_fields}


def as_held(row: Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_json_uuid_and_times_come_back_as_they_went_in() -> None:
    row = submission(
        id=uuid.uuid4(), metadata={"branch": "Łódź", "deep": [1, {"a": None}]}, applicant_ref="'; --"
    )
    assert as_read(row) == as_held(row)
    assert not row._state.adding
    row.external_ref = "b"
    row.save()
    assert Submission.objects.get().external_ref == "b", "a later save updates it"


def test_what_the_database_chooses_is_known_afterwards() -> None:
    alice = User.objects.create(username="alice")
    item = ReviewItem.objects.create(submission=submission(), reason="split_vote", risk=0.5)
    for note in ("first", "second"):
        row = Decision(
            item=item, submission=item.submission, reviewer=alice, label="real", handling_ms=1, note=note
        )
        insert(row)
        assert as_read(row) == as_held(row)
        assert row.pk
        assert row.decided_at


def test_others_are_written_by_the_same_statement_or_not_at_all() -> None:
    row = submission()
    events = [
        Event(action=f"a.{name}", actor_kind="system", detail={"is": name}) for name in ("first", "second")
    ]
    alice = User(username="alice", password="!")
    with CaptureQueriesContext(connection) as queries:
        insert(alice, *events)
    assert len(queries) == 1
    assert as_read(alice) == as_held(alice)
    assert list(Event.objects.order_by("action").values_list("action", "detail__is")) == [
        ("a.first", "first"),
        ("a.second", "second"),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        submission(id=row.pk, beside=[Event(action="a.third", actor_kind="system")])
    assert not Event.objects.filter(action="a.third")


def test_a_broken_constraint_is_an_integrity_error() -> None:
    row = submission()
    with pytest.raises(IntegrityError), transaction.atomic():
        submission(id=row.pk)
    assert Submission.objects.count() == 1


def test_rows_by_copy_are_those_that_bulk_create_writes() -> None:
    said = [{"verdict": "clear", "risk": 0.25}, {}, {"text": "tab\tand \\N and\nline", "none": None}]
    copy_rows(Event(action="a.copied", actor_kind="system", detail=detail) for detail in said)
    Event.objects.bulk_create(
        Event(action="a.created", actor_kind="system", detail=detail) for detail in said
    )
    copied, created = (
        list(Event.objects.filter(action=action).order_by("pk").values("actor_kind", "actor_id", "detail"))
        for action in ("a.copied", "a.created")
    )
    assert copied == created
    assert all(event.at for event in Event.objects.filter(action="a.copied"))
    copy_rows([])
