"""Webhook messages that are old leave the database for a file; what is not finished or not old stays."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.db.models.functions import Now

from kyc_review.accounts.models import Integration
from kyc_review.audit import services
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.core.row_archive import archive_lines
from kyc_review.lifecycle import prune
from kyc_review.lifecycle.prune import webhooks_prune_step
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Attempt, Delivery, Endpoint, Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(submit: Callable[..., Submission], integration: Integration) -> Callable[..., Event]:
    """message(days, state) is a message of that age with one delivery and one attempt."""
    endpoint = Endpoint.objects.create(integration=integration, url="https://bank.example/", secret="sealed")
    submission = submit()

    def make(days: int, state: str = "delivered") -> Event:
        event = Event.objects.create(
            integration=integration,
            submission=submission,
            kind="submission.cleared",
            payload={"type": "submission.cleared", "data": {"id": str(submission.pk)}},
            created_at=Now() - timedelta(days=days),
        )
        delivery = Delivery.objects.create(
            event=event,
            endpoint=endpoint,
            state=state,
            gives_up_at=Now(),
            finished_at=Now() if state in ("delivered", "dead") else None,
        )
        Attempt.objects.create(delivery=delivery, status=200, elapsed_ms=7)
        return event

    return make


def kept() -> set[UUID]:
    return set(Event.objects.values_list("pk", flat=True))


def test_old_messages_are_archived_then_deleted(
    message: Callable[..., Event], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "BATCH", 2)
    old = [message(days) for days in (40, 39, 38)]
    dead, waiting, young = message(37, "dead"), message(50, "pending"), message(29)
    assert webhooks_prune_step() == 0, "without the setting nothing goes"
    settings.WEBHOOKS_KEPT_DAYS = 30
    assert webhooks_prune_step() == 4
    assert kept() == {waiting.pk, young.pk}
    assert Delivery.objects.count() == Attempt.objects.count() == 2
    archived = []
    for event in AuditEvent.objects.filter(action="webhook.messages_pruned").order_by("pk"):
        content = storages["archive"].open(event.detail["file"]).read()
        assert hashlib.sha256(content).hexdigest() == event.detail["sha256"]
        rows = [json.loads(line) for line in archive_lines(content)]
        assert len(rows) == event.detail["messages"] == 2
        archived += rows
    assert [row["id"] for row in archived] == [str(row.pk) for row in (*old, dead)]
    assert archived[0]["payload"] == old[0].payload
    (delivery,) = archived[3]["deliveries"]
    assert delivery["state"] == "dead"
    assert [(attempt["status"], attempt["elapsed_ms"]) for attempt in delivery["attempts"]] == [(200, 7)]
    assert webhooks_prune_step() == 0


def test_what_ends_before_the_rows_are_gone_loses_none(
    message: Callable[..., Event], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_KEPT_DAYS = 30
    old = message(40)
    with monkeypatch.context() as patch:
        patch.setattr(services, "record", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            webhooks_prune_step()
    assert kept() == {old.pk}
    assert Attempt.objects.count() == 1
    assert webhooks_prune_step() == 1


def test_without_a_file_nothing_is_deleted(
    message: Callable[..., Event], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_KEPT_DAYS = 30
    old = message(40)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storages["archive"], "_save", full)
    with pytest.raises(OSError, match="No space left"):
        webhooks_prune_step()
    assert kept() == {old.pk}
