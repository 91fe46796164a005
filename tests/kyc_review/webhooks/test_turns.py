"""Endpoints that do not answer never hold up those that do."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from kyc_review.accounts.models import Integration
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.delivery import deliver_until_idle, lease_messages
from kyc_review.webhooks.models import Delivery, Endpoint, Kind
from kyc_review.webhooks.services import endpoint_create
from kyc_review.webhooks.turns import AT_ONCE, AT_ONCE_FAILING
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db
DEAD = 10


@pytest.fixture
def silent(integration: Integration, receiver: Receiver) -> Iterator[list[Endpoint]]:
    """Endpoints whose receivers accept connections and never answer; they want what is cleared.

    `receiver` allows the address of this machine.
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(DEAD)]
    urls = [f"http://127.0.0.1:{one.getsockname()[1]}/" for one in sockets]
    yield [endpoint_create(integration=integration, url=url, kinds=[Kind.CLEARED])[0] for url in urls]
    for one in sockets:
        one.close()


@pytest.fixture
def healthy(integration: Integration, receiver: Receiver) -> Endpoint:
    """It wants what is queued."""
    return endpoint_create(integration=integration, url=receiver.url, kinds=[Kind.QUEUED])[0]


def leased(limit: int = AT_ONCE, holder: str = "one") -> Counter:
    return Counter(message.endpoint_id for message in lease_messages(limit=limit, holder=holder))


def test_beside_ten_dead_receivers_a_healthy_one_gets_its_event_within_two_seconds(
    submit: Callable[..., Submission], receiver: Receiver, silent: list[Endpoint], healthy: Endpoint
) -> None:
    for _ in range(4):
        event_record(submission=submit(), kind=Kind.CLEARED)
    event_record(submission=submit(), kind=Kind.QUEUED)  # the last in the line, behind forty
    receiver.on_post = lambda: arrivals.append(time.monotonic())
    arrivals: list[float] = []
    started = time.monotonic()
    deliver_until_idle(timeout_s=2.5)
    assert len(arrivals) == 1
    assert arrivals[0] - started < 2
    assert Endpoint.objects.filter(failing_since__isnull=False).count() == DEAD


def test_the_first_message_of_each_comes_before_the_second_of_any(
    submit: Callable[..., Submission], silent: list[Endpoint], healthy: Endpoint
) -> None:
    for _ in range(4):
        event_record(submission=submit(), kind=Kind.CLEARED)
    event_record(submission=submit(), kind=Kind.QUEUED)
    assert leased(DEAD + 1) == Counter([*(one.pk for one in silent), healthy.pk])


def test_the_share_of_an_endpoint_counts_what_other_workers_send(
    submit: Callable[..., Submission], healthy: Endpoint
) -> None:
    for _ in range(5):
        event_record(submission=submit(), kind=Kind.QUEUED)
    assert leased(2, "one") == {healthy.pk: 2}
    assert leased(8, "two") == {healthy.pk: 1}
    assert leased(8, "three") == {}


def test_a_failing_endpoint_has_one_message_in_flight_and_all_of_them_a_part_of_the_places(
    integration: Integration, submit: Callable[..., Submission], silent: list[Endpoint], healthy: Endpoint
) -> None:
    for number in range(8):
        endpoint_create(integration=integration, url=f"https://bank.example/{number}", kinds=[Kind.CLEARED])
    Endpoint.objects.exclude(pk=healthy.pk).update(failing_since=timezone.now(), failures=1)
    for _ in range(4):
        event_record(submission=submit(), kind=Kind.CLEARED)
        event_record(submission=submit(), kind=Kind.QUEUED)
    found = leased()
    assert found.pop(healthy.pk) == 3
    assert (len(found), set(found.values())) == (AT_ONCE_FAILING, {1})


def test_after_some_failures_an_endpoint_is_paused_and_a_success_sends_all_that_waits(
    submit: Callable[..., Submission], receiver: Receiver, healthy: Endpoint
) -> None:
    receiver.status = 500
    for _ in range(8):
        event_record(submission=submit(), kind=Kind.QUEUED)
    assert deliver_until_idle() < 8  # the pause began before each was tried
    healthy.refresh_from_db()
    assert healthy.paused_until is not None
    assert healthy.paused_until > timezone.now()
    assert deliver_until_idle() == 0
    receiver.status = 204
    Endpoint.objects.update(paused_until=timezone.now())
    Delivery.objects.update(due_at=timezone.now())
    assert deliver_until_idle() == 8
    healthy.refresh_from_db()
    assert (healthy.failing_since, healthy.failures, healthy.paused_until) == (None, 0, None)
