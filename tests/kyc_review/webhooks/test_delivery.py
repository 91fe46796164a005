import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.worker import state
from django.conf import LazySettings
from django.utils import timezone
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks import delivery as delivery_module
from kyc_review.webhooks import http_client, services
from kyc_review.webhooks.delivery import attempt_record, deliver_until_idle, lease_messages
from kyc_review.webhooks.http_client import Answer
from kyc_review.webhooks.models import Attempt, Delivery, Endpoint, Event, Kind
from kyc_review.webhooks.ssrf import Address
from kyc_review.webhooks.turns import AT_ONCE_PER_ENDPOINT
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db
FAILED = Answer(500, "", 5)


@pytest.fixture
def delivery(submit: Callable[..., Submission], endpoint: tuple[Endpoint, str]) -> Delivery:
    event_record(submission=submit(), kind=Kind.QUEUED)
    return Delivery.objects.get()


def test_a_message_verifies_with_the_standard_library_of_receivers(
    delivery: Delivery, endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    assert deliver_until_idle() == 1
    headers, body = receiver.seen[0]
    payload = Webhook(endpoint[1]).verify(body, headers)
    assert payload["type"] == "submission.queued"
    assert headers["webhook-id"] == delivery.event.message_id
    assert (headers["path"], headers["Content-Type"]) == ("/hooks?source=kyc", "application/json")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts.get().status) == ("delivered", 204)


def test_another_secret_does_not_verify(delivery: Delivery, receiver: Receiver) -> None:
    deliver_until_idle()
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(receiver.seen[0][1], receiver.seen[0][0])


def test_the_payload_names_no_person(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    row = submit(external_ref="Ada Lovelace", applicant_ref="ada@example.com", metadata={"phone": "1"})
    event_record(submission=row, kind=Kind.QUEUED)
    deliver_until_idle()
    assert json.loads(receiver.seen[0][1])["data"] == {
        "id": str(row.pk),
        "status": "received",
        "result": None,
        "reason": None,
        "checks": [],
        "is_test": False,
    }


def test_both_secrets_verify_while_a_rotation_lasts_and_only_the_new_one_afterwards(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    row, old = endpoint
    new = services.secret_rotate(endpoint=row)
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle()
    headers, body = receiver.seen[0]
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
    Endpoint.objects.update(previous_secret_expires_at=timezone.now() - timedelta(seconds=1))
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle()
    headers, body = receiver.seen[1]
    Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_a_rotation_that_is_repeated_at_once_keeps_the_secret_that_receivers_have(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    row, old = endpoint
    unseen, new = services.secret_rotate(endpoint=row), services.secret_rotate(endpoint=row)
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle()
    headers, body = receiver.seen[0]
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(unseen).verify(body, headers)
    Endpoint.objects.update(previous_secret_expires_at=timezone.now() + timedelta(hours=23, minutes=58))
    newest = services.secret_rotate(endpoint=row)
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle()
    headers, body = receiver.seen[1]
    assert Webhook(new).verify(body, headers) == Webhook(newest).verify(body, headers)


def test_a_failure_is_tried_again_later_under_the_same_id(
    delivery: Delivery, receiver: Receiver, due_again: Callable[[], None]
) -> None:
    receiver.status = 503
    assert deliver_until_idle() == 1
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    assert timezone.now() < delivery.due_at <= timezone.now() + timedelta(seconds=10)
    receiver.status = 200
    due_again()
    assert deliver_until_idle() == 1
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
    assert [attempt.status for attempt in delivery.attempts.all()] == [503, 200]


def test_after_three_days_it_is_given_up(delivery: Delivery, receiver: Receiver) -> None:
    receiver.status = 500
    Delivery.objects.update(gives_up_at=timezone.now())
    deliver_until_idle()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.finished_at is not None) == ("dead", True)


def test_gone_switches_the_endpoint_off_and_gives_up_what_waits(
    delivery: Delivery, submit: Callable[..., Submission], endpoint: tuple[Endpoint, str], receiver: Receiver
) -> None:
    receiver.status = 410
    event_record(submission=submit(), kind=Kind.QUEUED)
    Delivery.objects.exclude(pk=delivery.pk).update(due_at=timezone.now() + timedelta(hours=1))
    deliver_until_idle()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"dead"}
    row = Endpoint.objects.get()
    assert (row.is_active, row.disabled_reason) == (False, "It answered 410 Gone.")
    assert AuditEvent.objects.filter(action="webhook.disabled").count() == 1
    event_record(submission=submit(), kind=Kind.QUEUED)
    assert (Event.objects.exclude(kind=Kind.DISABLED).count(), Delivery.objects.count()) == (3, 2)


def test_a_redirect_is_a_failure_and_is_not_followed(delivery: Delivery, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    deliver_until_idle()
    assert len(receiver.seen) == 1
    assert "Redirects" in Attempt.objects.get().error


def test_a_receiver_that_drips_bytes_is_cut_off_in_time(
    integration: Integration, submit: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    return
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    services.endpoint_create(integration=integration, url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle(timeout_s=0.5)
    listener.close()
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.error) == (None, "No answer within 0.5 s.")
    assert attempt.elapsed_ms < 3000


def test_a_refused_connection_and_an_unknown_host_are_told_apart(
    integration: Integration, submit: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1", "nothing.invalid"]
    services.endpoint_create(integration=integration, url="http://127.0.0.1:1/")
    services.endpoint_create(integration=integration, url="http://nothing.invalid/")
    event_record(submission=submit(), kind=Kind.QUEUED)
    deliver_until_idle()
    assert sorted(a.error.split(":")[0] for a in Attempt.objects.all()) == [
        "No HTTP answer",
        "The host name has no address.",
    ]


def test_one_silent_receiver_does_not_keep_the_others_waiting(
    integration: Integration,
    submit: Callable[..., Submission],
    endpoint: tuple[Endpoint, str],
    receiver: Receiver,
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    services.endpoint_create(
        integration=integration, url=f"http://127.0.0.1:{silent.getsockname()[1]}/", kinds=[Kind.CLEARED]
    )
    for _ in range(12):
        event_record(submission=submit(), kind=Kind.CLEARED)
    messages = lease_messages(limit=8)
    silent.close()
    assert len(messages) == 6
    assert {sum(m.endpoint_id == e.pk for m in messages) for e in Endpoint.objects.all()} == {3}


def test_a_receiver_gets_no_more_than_its_share_at_once_while_messages_end_one_by_one(
    integration: Integration, submit: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    listener = socket.create_server(("127.0.0.1", 0))
    lock, connected, most = threading.Lock(), 0, 0

    def answer(connection: socket.socket, pause_s: float) -> None:
        nonlocal connected
        with connection:
            connection.recv(65536)
            time.sleep(pause_s)
            with lock:
                connected -= 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def accept() -> None:
        nonlocal connected, most
        for number in range(8):
            connection, _ = listener.accept()
            with lock:
                connected += 1
                most = max(most, connected)
            pause_s = 0.0 if number == 0 else 1.0  # one ends, while two others go on
            threading.Thread(target=answer, args=(connection, pause_s), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    services.endpoint_create(integration=integration, url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    for _ in range(8):
        event_record(submission=submit(), kind=Kind.QUEUED)
    assert deliver_until_idle() == 8
    listener.close()
    assert Delivery.objects.filter(state=Delivery.State.DELIVERED).count() == 8
    assert most == AT_ONCE_PER_ENDPOINT


def test_a_deliverer_told_to_stop_ends_what_is_in_flight_and_begins_nothing(
    delivery: Delivery, submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = delivery_module.send

    def stop_and_send(*arguments: Any) -> object:
        monkeypatch.setattr(state, "should_stop", 0)  # the exit code, as Celery's signal handler sets it
        return send(*arguments)

    monkeypatch.setattr(delivery_module, "AT_ONCE", 1)
    monkeypatch.setattr(delivery_module, "send", stop_and_send)
    event_record(submission=submit(), kind=Kind.CLEARED)
    assert deliver_until_idle() == 1
    found = Delivery.objects.values_list("state", "attempts_made").order_by("state")
    assert list(found) == [(Delivery.State.DELIVERED, 1), (Delivery.State.PENDING, 0)]


def test_two_deliverers_never_share_a_delivery(delivery: Delivery) -> None:
    assert len(lease_messages(limit=8, holder="one")) == 1
    assert lease_messages(limit=8, holder="two") == []


def test_a_killed_deliverers_message_is_sent_when_its_lease_ends(
    delivery: Delivery, receiver: Receiver, due_again: Callable[[], None]
) -> None:
    lease_messages(limit=8, holder="dead")
    assert deliver_until_idle() == 0
    due_again()
    assert deliver_until_idle() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts_made) == ("delivered", 2)


def test_a_late_failure_does_not_take_a_delivery_from_its_new_holder(
    delivery: Delivery, due_again: Callable[[], None]
) -> None:
    lease_messages(limit=8, holder="late")
    due_again()
    lease_messages(limit=8, holder="next")
    attempt_record(delivery_id=delivery.pk, answer=FAILED, holder="late")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.lease_holder) == ("sending", "next")
    attempt_record(delivery_id=delivery.pk, answer=Answer(200, "", 5), holder="late")
    delivery.refresh_from_db()
    assert delivery.state == "delivered"


def test_a_secret_sealed_with_a_lost_key_is_said_in_the_log(
    delivery: Delivery, receiver: Receiver, settings: LazySettings
) -> None:
    settings.WEBHOOK_SECRETS_KEY = ["another"]
    deliver_until_idle()
    assert receiver.seen == []
    assert "encrypted with another key" in Attempt.objects.get().error


def test_a_rolled_back_change_tells_nobody(
    submit: Callable[..., Submission], endpoint: tuple[Endpoint, str]
) -> None:
    from django.db import transaction

    row: Submission = submit()
    with transaction.atomic():
        event_record(submission=row, kind=Kind.QUEUED)
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("host", ["a..example.com", "a" * 64 + ".example.com"])
def test_a_host_that_no_resolver_takes_is_a_failed_attempt_and_pauses_its_endpoint(
    delivery: Delivery, endpoint: tuple[Endpoint, str], host: str
) -> None:
    Endpoint.objects.update(url=f"https://{host}/x")  # registered before such names were refused
    assert deliver_until_idle() == 1
    endpoint[0].refresh_from_db()
    assert (delivery.attempts.get().status, endpoint[0].failures) == (None, 1)


def test_whatever_the_resolver_raises_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["siem"]

    def resolve(host: str, port: int) -> list[Address]:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(http_client, "resolve", resolve)
    answer = http_client.post("http://siem/", b"", {})
    assert (answer.status, answer.error[:15]) == (None, "No HTTP answer:")


@pytest.mark.parametrize(
    "sent",
    [b"HTTP/1.1 \x00\x00 \x1b\r\n\r\n", b"\x00\r\n\r\n", b"HTTP/1.1 503 \x00\r\nRetry-After: \x00\r\n\r\n"],
)
def test_an_answer_of_control_characters_is_recorded(
    delivery: Delivery, endpoint: tuple[Endpoint, str], settings: LazySettings, sent: bytes
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        caller = listener.accept()[0]
        caller.recv(65536)
        caller.sendall(sent)
        caller.close()

    threading.Thread(target=answer, daemon=True).start()
    Endpoint.objects.update(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    assert deliver_until_idle() == 1
    listener.close()
    attempt = delivery.attempts.get()
    assert attempt.status == 503 or attempt.error.startswith("No HTTP answer")


@pytest.mark.parametrize("is_raised", [True, False])
def test_one_message_that_cannot_be_sent_or_recorded_costs_no_other_its_answer(
    integration: Integration,
    submit: Callable[..., Submission],
    receiver: Receiver,
    endpoint: tuple[Endpoint, str],
    monkeypatch: pytest.MonkeyPatch,
    is_raised: bool,
) -> None:
    bad, _ = services.endpoint_create(integration=integration, url=f"{receiver.url}&bad=1")
    for _ in range(3):
        event_record(submission=submit(), kind=Kind.QUEUED)

    def send(message: delivery_module.Message, timeout_s: float) -> Answer:
        if message.endpoint_id != bad.pk:
            return post_normally(message, timeout_s)
        if is_raised:
            raise OverflowError("a date beyond all years")
        return Answer(None, "\x00", 0)  # which the database refuses

    post_normally = delivery_module.send
    monkeypatch.setattr(delivery_module, "send", send)
    assert deliver_until_idle() >= 4
    assert set(endpoint[0].deliveries.values_list("state", flat=True)) == {"delivered"}
    assert not bad.deliveries.filter(state="delivered").exists()
    assert Attempt.objects.filter(delivery__endpoint=bad).exists() == is_raised
