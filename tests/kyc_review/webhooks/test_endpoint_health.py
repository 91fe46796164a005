"""Endpoints that only fail are paused and switched off; `Retry-After` is honoured."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.notices.models import Channel, Notice
from kyc_review.notices.models import Kind as NoticeKind
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks import services
from kyc_review.webhooks.backoff import LONGEST_S, endpoint_pause_s
from kyc_review.webhooks.delivery import deliver_until_idle
from kyc_review.webhooks.endpoint_health import FAILURES_BEFORE_OFF, endpoint_disable, failure_note
from kyc_review.webhooks.http_client import retry_after_s
from kyc_review.webhooks.models import Delivery, DisabledReason, Endpoint, Event, Kind
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_retry_after_is_waited_for(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    event_record(submission=submit(), kind=Kind.QUEUED)
    before = timezone.now()
    deliver_until_idle()
    row = Endpoint.objects.get()
    hour = timedelta(seconds=3600)
    assert Delivery.objects.get().due_at >= before + hour
    assert row.paused_until is not None
    assert row.paused_until >= before + hour
    event_record(submission=submit(), kind=Kind.QUEUED)
    assert deliver_until_idle() == 0  # nor does any other message go there before


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Fri, 27 Nov 2026 12:01:30 GMT", 90),
        ("Fri, 27 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999999", 0),
        ("Thu, 01 Jan 0001 00:00:00 +2359", 0),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", 0),
        ("-5", 0),
        ("", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float) -> None:
    assert retry_after_s(value, now=NOON) == seconds


def test_pauses_grow_to_a_limit_whatever_the_receiver_asks_for() -> None:
    assert [endpoint_pause_s(failures) for failures in (1, 4, 5, 6, 7)] == [0, 0, 10, 20, 40]
    assert endpoint_pause_s(10_000) == endpoint_pause_s(1, asked_s=1e9) == LONGEST_S


def test_an_endpoint_that_only_fails_for_three_days_is_switched_off_and_says_so(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], api: Client
) -> None:
    row = endpoint[0]
    event_record(submission=submit(), kind=Kind.QUEUED)
    now = timezone.now()
    for number in range(FAILURES_BEFORE_OFF + 1):
        failure_note(endpoint_id=row.pk, now=now - timedelta(days=3) + timedelta(minutes=number))
    shown = api.get(f"/api/v1/webhook-endpoints/{row.pk}").json()
    assert (shown["active"], shown["failures"]) == (True, FAILURES_BEFORE_OFF + 1)
    assert shown["failing_since"]
    assert shown["paused_until"]
    failure_note(endpoint_id=row.pk, now=now)
    shown = api.get(f"/api/v1/webhook-endpoints/{row.pk}").json()
    assert not shown["active"]
    assert f"All {FAILURES_BEFORE_OFF + 2} attempts since" in shown["disabled_reason"]
    assert Delivery.objects.get().state == Delivery.State.DEAD
    assert AuditEvent.objects.filter(action="webhook.disabled").count() == 1
    services.endpoint_change(endpoint=row, is_active=True)
    row.refresh_from_db()
    assert (row.failing_since, row.failures, row.paused_until) == (None, 0, None)


def test_the_integration_and_the_admins_hear_of_an_endpoint_that_was_switched_off(
    integration: Integration,
    endpoint: tuple[Endpoint, str],
    receiver: Receiver,
    api: Client,
    staff: Callable[..., User],
) -> None:
    row, ada = endpoint[0], staff("ada", "admin")
    Channel.objects.create(
        owner=ada, medium="json", sealed_url="x", kinds=[NoticeKind.ENDPOINT.value], created_by=ada
    )
    other = services.endpoint_create(integration=integration, url=receiver.url + "/other")[0]
    old = services.endpoint_create(integration=integration, url=receiver.url + "/old", kinds=[Kind.CLEARED])[
        0
    ]
    sandbox = services.endpoint_create(integration=integration, url=receiver.url + "/test", is_test=True)[0]
    for _ in range(6):
        failure_note(endpoint_id=row.pk, now=timezone.now())
    assert AuditEvent.objects.filter(action="webhook.paused").count() == 1
    shown = api.get(f"/api/v1/webhook-endpoints/{row.pk}").json()
    assert "(6), so it is paused until" in shown["trouble"]
    for _ in range(2):
        endpoint_disable(endpoint_id=row.pk, reason="It answered 410 Gone.", because=DisabledReason.GONE)
    shown = api.get(f"/api/v1/webhook-endpoints/{row.pk}").json()
    assert shown["disabled_at"][:16].replace("T", " ") in shown["trouble"]
    assert (
        'It answered 410 Gone. Nothing is sent to it. Switch it on with PATCH {"active": true}'
        in (shown["trouble"])
    )
    Event.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    (told,) = api.get("/api/v1/events").json()["data"]
    facts = {"id": str(row.pk), "status": "disabled", "result": None, "reason": "answered_410"}
    assert (told["type"], told["data"]) == ("endpoint.disabled", facts | {"checks": [], "is_test": False})
    assert Delivery.objects.get().endpoint_id == other.pk
    assert Kind.DISABLED not in old.kinds
    assert "was switched off" in Notice.objects.get().title
    endpoint_disable(endpoint_id=sandbox.pk, reason="Off.", because=DisabledReason.ONLY_FAILED)
    endpoint_disable(endpoint_id=other.pk, reason="Switched off by hand.")
    assert (Notice.objects.count(), Event.objects.count()) == (1, 2)
    services.endpoint_change(endpoint=row, is_active=True)
    shown = api.get(f"/api/v1/webhook-endpoints/{row.pk}").json()
    assert (shown["trouble"], shown["disabled_at"]) == ("", None)


def test_few_failures_in_three_days_switch_nothing_off(endpoint: tuple[Endpoint, str]) -> None:
    now = timezone.now()
    for days in (4, 2, 0):
        failure_note(endpoint_id=endpoint[0].pk, now=now - timedelta(days=days))
    assert Endpoint.objects.get().is_active


def test_a_test_event_is_sent_to_a_paused_endpoint(
    endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    Endpoint.objects.update(paused_until=timezone.now() + timedelta(hours=1), failing_since=timezone.now())
    services.send_test_event(endpoint=endpoint[0])
    assert deliver_until_idle() == 1
    assert Endpoint.objects.get().failing_since is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://example.org/", "HTTPS://EXAMPLE.org:443", True),
        ("https://example.org./", "https://example.org/", True),
        ("https://example.org/a?x=1", "https://example.org/a?x=2", False),
        ("https://example.org/A", "https://example.org/a", False),
        ("https://example.org:8443/", "https://example.org/", False),
    ],
)
def test_urls_are_compared_by_where_they_lead(one: str, other: str, is_same: bool) -> None:
    assert (services.comparable(one) == services.comparable(other)) is is_same


def test_the_same_url_is_registered_once(
    endpoint: tuple[Endpoint, str], receiver: Receiver, api: Client
) -> None:
    url, kind = "/api/v1/webhook-endpoints", "application/json"
    response = api.post(url, {"url": receiver.url}, content_type=kind)
    assert (response.status_code, response.json()["code"]) == (409, "endpoint_exists")
    other = api.post(url, {"url": f"{receiver.url}&n=2"}, content_type=kind).json()["id"]
    changed = api.patch(f"{url}/{other}", {"url": receiver.url}, content_type=kind)
    assert (changed.status_code, changed.json()["errors"][0]["pointer"]) == (409, "#/url")
    assert api.patch(f"{url}/{endpoint[0].pk}", {"url": receiver.url}, content_type=kind).status_code == 200
    services.endpoint_delete(endpoint=endpoint[0])
    assert api.patch(f"{url}/{other}", {"url": receiver.url}, content_type=kind).status_code == 200
