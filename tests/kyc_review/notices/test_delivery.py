"""Notices reach real receivers: a mail server and a webhook receiver on loopback; never lost, told once."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook

from kyc_review.accounts.models import User
from kyc_review.notices import delivery
from kyc_review.notices.models import CHOSEN_KINDS, Channel, Kind, Notice, NoticeDelivery
from kyc_review.notices.outbox import notice_record
from kyc_review.notices.services import channel_create
from kyc_review.webhooks.http_client import Answer
from kyc_review.webhooks.secret_encryption import seal
from tests.factories.mail_server import MailServer
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db
State = NoticeDelivery.State
EVERY = [kind for kind, _ in CHOSEN_KINDS]


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def mailbox(ada: User, mail_server: MailServer) -> Channel:
    return channel_create(actor=ada, medium="email", address="ada@bank.example", kinds=EVERY)[0]


def tell(kind: Kind = Kind.ALARM, title: str = "Alarm: Audit", **more: object) -> Notice | None:
    text = "At least 9.0% is fake <b>&</b>."
    return notice_record(kind=kind, title=title, text=text, path="/retraining/", **more)  # type: ignore[arg-type]


def make_due() -> None:
    NoticeDelivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_an_email_arrives_once_with_text_link_and_identifier(
    mailbox: Channel, mail_server: MailServer, settings: LazySettings
) -> None:
    settings.PUBLIC_URL, settings.DEFAULT_FROM_EMAIL = "https://kyc.bank.example", "kyc@bank.example"
    tell()
    assert delivery.deliver_until_idle() == 1
    assert delivery.deliver_until_idle() == 0
    [(sender, recipients, message)] = mail_server.took
    assert (sender, recipients) == ("kyc@bank.example", ["ada@bank.example"])
    assert message["Subject"].endswith("Alarm: Audit")
    assert message["Message-ID"].endswith("@kyc.bank.example>")
    body = message.get_content()
    assert "At least 9.0% is fake <b>&</b>." in body
    assert "https://kyc.bank.example/retraining/" in body
    row = NoticeDelivery.objects.get()
    assert (row.state, row.attempts_made, row.lease_holder) == (State.DELIVERED, 1, "")


def test_an_email_is_in_the_language_of_the_channels_owner(
    mailbox: Channel, mail_server: MailServer, ada: User
) -> None:
    User.objects.filter(pk=ada.pk).update(language="de")
    tell()
    assert delivery.deliver_until_idle() == 1
    [(_, _, message)] = mail_server.took
    assert message["Subject"].endswith("Alarm: Stichprobe")
    assert "Wählen Sie, was Sie erhalten: " in message.get_content()
    assert Notice.objects.get().title == "Alarm: Audit"


def test_what_a_mail_server_refuses_for_now_is_sent_again_under_the_same_identifier(
    mailbox: Channel, mail_server: MailServer
) -> None:
    mail_server.answers = ["451 try again later"]
    tell()
    batch = delivery.lease_batch()
    assert batch is not None
    delivery.batch_record(batch, delivery.send(batch))
    row = NoticeDelivery.objects.get()
    assert (row.state, mail_server.took) == (State.PENDING, [])
    assert "451" in row.last_error
    make_due()
    assert delivery.deliver_until_idle() == 1
    [(_, _, message)] = mail_server.took
    assert message["Message-ID"].startswith(f"<{batch.message_id}@")
    assert NoticeDelivery.objects.get().attempts_made == 2


def test_without_a_mail_server_it_waits_and_says_why(mailbox: Channel, settings: LazySettings) -> None:
    settings.EMAIL_URL = ""
    tell()
    delivery.deliver_until_idle()
    row = NoticeDelivery.objects.get()
    assert (row.state, row.last_error) == (State.PENDING, delivery.NO_MAIL_SERVER)


def test_a_mail_server_that_is_down_is_asked_for_three_days(mailbox: Channel, settings: LazySettings) -> None:
    settings.EMAIL_PORT = 9  # nothing listens
    tell()
    delivery.deliver_until_idle()
    assert NoticeDelivery.objects.get().state == State.PENDING
    NoticeDelivery.objects.update(gives_up_at=timezone.now())
    make_due()
    delivery.deliver_until_idle()
    row = NoticeDelivery.objects.get()
    assert row.state == State.DEAD
    assert row.finished_at is not None


def test_a_signed_webhook_carries_one_notice_and_verifies(ada: User, receiver: Receiver) -> None:
    _, secret = channel_create(actor=ada, medium="json", address=receiver.url, kinds=EVERY)
    notice = tell()
    assert notice is not None
    delivery.deliver_until_idle()
    [(headers, body)] = receiver.seen
    assert headers["webhook-id"] == f"ntc_{notice.pk.hex}"
    lower = {name.lower(): value for name, value in headers.items()}
    told = Webhook(secret).verify(body.decode(), lower)
    assert told["type"] == "alarm.began"
    assert told["data"]["title"] == "Alarm: Audit"


def test_slack_gets_escaped_text_and_teams_a_card(ada: User, receiver: Receiver) -> None:
    channel_create(actor=ada, medium="slack", address=receiver.url, kinds=EVERY)
    tell()
    delivery.deliver_until_idle()
    slack = json.loads(receiver.seen[0][1])
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in slack["blocks"][0]["text"]["text"]
    Channel.objects.update(is_active=False)
    channel_create(actor=ada, medium="teams", address=receiver.url, kinds=EVERY)
    tell()
    delivery.deliver_until_idle()
    attachment = json.loads(receiver.seen[1][1])["attachments"][0]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][0]["text"] == "Alarm: Audit"


def test_many_overturned_clears_are_one_email(mailbox: Channel, mail_server: MailServer) -> None:
    for number in range(3):
        tell(Kind.OVERTURNED, f"Selfie {number}")
    assert delivery.deliver_until_idle() == 0, "they are gathered first"
    make_due()
    assert delivery.deliver_until_idle() == 1
    [(_, _, message)] = mail_server.took
    assert "3 notices" in message["Subject"]
    assert all(f"Selfie {number}" in message.get_content() for number in range(3))


def test_a_notice_of_a_change_that_is_rolled_back_is_never_sent(
    mailbox: Channel, mail_server: MailServer
) -> None:
    with transaction.atomic():
        tell()
        transaction.set_rollback(True)
    assert delivery.deliver_until_idle() == 0
    assert not Notice.objects.exists()


def test_a_worker_that_died_loses_its_lease_and_its_late_failure_changes_nothing(
    mailbox: Channel, mail_server: MailServer
) -> None:
    tell()
    dead = delivery.lease_batch(holder="dead")
    assert dead is not None
    assert delivery.lease_batch() is None
    make_due()
    assert delivery.deliver_until_idle() == 1
    delivery.batch_record(dead, Answer(None, "too late", 0), holder="dead")
    row = NoticeDelivery.objects.get()
    assert (row.state, row.last_error, len(mail_server.took)) == (State.DELIVERED, "", 1)


def test_a_receiver_that_is_gone_ends_its_channel(ada: User, receiver: Receiver) -> None:
    receiver.status = 410
    channel, _ = channel_create(actor=ada, medium="slack", address=receiver.url, kinds=EVERY)
    tell()
    delivery.deliver_until_idle()
    channel.refresh_from_db()
    assert not channel.is_active
    assert NoticeDelivery.objects.get().state == State.DEAD
    assert tell() is None


def test_only_chosen_kinds_and_people_who_may_still_see_it(
    ada: User, mailbox: Channel, mail_server: MailServer
) -> None:
    Channel.objects.filter(pk=mailbox.pk).update(kinds=[Kind.PROPOSAL.value])
    assert tell() is None
    assert tell(Kind.PROPOSAL, except_for=ada) is None
    assert tell(Kind.PROPOSAL) is not None
    ada.groups.clear()
    delivery.deliver_until_idle()
    assert mail_server.took == []
    mailbox.refresh_from_db()
    assert mailbox.disabled_reason == delivery.NOT_ELIGIBLE


def test_a_host_that_no_resolver_takes_is_a_failed_attempt(ada: User, receiver: Receiver) -> None:
    channel = channel_create(actor=ada, medium="json", address=receiver.url, kinds=EVERY)[0]
    Channel.objects.update(sealed_url=seal("https://a..example.com/x"))
    tell()
    assert delivery.deliver_until_idle() == 1
    row = NoticeDelivery.objects.get(channel=channel)
    assert (row.state, row.last_error[:13]) == (State.PENDING, "The host name")


def test_a_message_that_cannot_be_recorded_does_not_end_the_run(
    ada: User, mailbox: Channel, mail_server: MailServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel_create(actor=ada, medium="json", address=receiver.url, kinds=EVERY)
    monkeypatch.setattr(delivery, "post", lambda *_: Answer(None, "\x00", 0))  # which the database refuses
    tell()
    assert delivery.deliver_until_idle() == 2
    assert set(NoticeDelivery.objects.values_list("channel__medium", "state")) == {
        ("email", State.DELIVERED),
        ("json", State.SENDING),
    }
