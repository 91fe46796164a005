"""Channels: who may have and change which, what is refused, and the page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.notices import services
from kyc_review.notices.delivery import deliver_until_idle
from kyc_review.notices.models import Channel, Kind, NoticeDelivery
from kyc_review.notices.outbox import is_eligible
from kyc_review.notices.services import ChannelRefused, channel_create
from kyc_review.webhooks.ssrf import AddressRefused
from tests.factories.mail_server import MailServer

pytestmark = pytest.mark.django_db
KINDS = [Kind.PROPOSAL.value, Kind.ALARM.value]


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def otto(staff: Callable[..., User]) -> User:
    return staff("otto", "auditor")


def make(actor: User, **more: Any) -> Channel:
    sent = {"medium": "email", "address": f"{actor}@bank.example", "kinds": KINDS} | more
    return services.channel_create(actor=actor, **sent)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"medium": "pigeon"}, "Choose one of"),
        ({"address": "ada"}, "not an e-mail"),
        ({"address": "a@b.example\nBcc: c@d.example"}, "not an e-mail"),
        ({"kinds": []}, "at least one kind"),
        ({"kinds": ["submission.cleared"]}, "at least one kind"),
        ({"kinds": [Kind.TEST.value]}, "at least one kind"),
    ],
)
def test_what_is_no_channel_is_refused(ada: User, change: dict[str, Any], said: str) -> None:
    with pytest.raises(services.ChannelRefused, match=said):
        make(ada, **change)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "http://hooks.bank.example/x", "https://10.0.0.1/", "ftp://a"]
)
def test_urls_into_the_banks_network_are_refused(ada: User, url: str) -> None:
    with pytest.raises(AddressRefused):
        make(ada, medium="slack", address=url)


def test_urls_and_secrets_are_kept_sealed(ada: User) -> None:
    url = "https://hooks.slack.example/services/T0/B0/secret"
    row, secret = services.channel_create(actor=ada, medium="json", address=url, kinds=KINDS)
    stored = Channel.objects.filter(pk=row.pk).values().get()
    assert row.address == "hooks.slack.example"
    assert not any("T0/B0" in str(value) or secret in str(value) for value in stored.values())
    event = Event.objects.get(action="notice_channel.created")
    assert event.detail["address"] == "hooks.slack.example"


def test_shared_channels_are_the_admins_and_own_ones_their_owners(
    ada: User, otto: User, alice: User, staff: Callable[..., User]
) -> None:
    amir = staff("amir", "admin")
    with pytest.raises(PermissionDenied):
        make(alice)
    with pytest.raises(PermissionDenied):
        make(otto, is_shared=True)
    own, shared = make(otto), make(ada, is_shared=True)
    for person, row in ((ada, own), (otto, shared)):
        with pytest.raises(PermissionDenied):
            services.channel_delete(channel=row, actor=person)
    services.channel_change(channel=shared, actor=amir, kinds=[Kind.ALARM.value])
    shared.refresh_from_db()
    assert shared.kinds == [Kind.ALARM.value]


def test_switched_off_gives_up_what_waits_and_on_again_it_can_be_sent(
    ada: User, mail_server: MailServer
) -> None:
    row = make(ada)
    services.channel_test(channel=row, actor=ada)
    services.channel_switch(channel=row, actor=ada, is_active=False)
    assert NoticeDelivery.objects.get().state == NoticeDelivery.State.DEAD
    with pytest.raises(services.ChannelRefused, match="switched off"):
        services.channel_test(channel=row, actor=ada)
    services.channel_switch(channel=row, actor=ada, is_active=True)
    assert services.deliveries_resend(channel=row, actor=ada) == 1
    deliver_until_idle()
    assert [recipients for _, recipients, _ in mail_server.took] == [["ada@bank.example"]]


def test_the_page_from_first_channel_to_last(ada: User, otto: User, mail_server: MailServer) -> None:
    client = Client()
    client.force_login(ada)
    form = {"medium": "email", "address": "ada@bank.example", "kinds": KINDS}
    refused = client.post("/notices/", form | {"address": "?"})
    assert (refused.status_code, "not an e-mail" in refused.text) == (422, True)
    made = client.post("/notices/", form)
    page = made["Location"]
    assert client.post(f"{page}test/").status_code == 302
    deliver_until_idle()
    assert "Delivered" in client.get(page).text
    assert client.post(f"{page}kinds/", {"kinds": [Kind.TRAINING.value]}).status_code == 302
    assert Channel.objects.get().kinds == [Kind.TRAINING.value]
    other = Client()
    other.force_login(otto)
    assert other.get(page).status_code == 404
    assert "ada@bank.example" not in other.get("/notices/").text
    assert client.post(f"{page}delete/").status_code == 302
    assert client.get(page).status_code == 404
    assert Channel.objects.get().deleted_at is not None


def test_a_secret_is_shown_once(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    sent = {"medium": "json", "address": "https://siem.bank.example/kyc", "kinds": KINDS, "whose": "shared"}
    made = client.post("/notices/", sent)
    assert made.status_code == 302
    shown = client.get(made["Location"])
    assert "whsec_" in shown.text
    row = Channel.objects.get()
    assert row.owner is None
    assert "whsec_" not in client.get(f"/notices/{row.pk}/").text


@pytest.mark.parametrize(
    "address", ["ada@gmail.example", "ada@bank.example.evil.example", "ada@notbank.example"]
)
def test_notices_go_to_addresses_of_the_bank_only(ada: User, settings: LazySettings, address: str) -> None:
    with pytest.raises(ChannelRefused, match=r"bank\.example.*NOTICE_EMAIL_DOMAINS"):
        channel_create(actor=ada, medium="email", address=address, kinds=KINDS)
    settings.NOTICE_EMAIL_DOMAINS = ["*"]
    channel, _ = channel_create(actor=ada, medium="email", address=address, kinds=KINDS)
    settings.NOTICE_EMAIL_DOMAINS = ["bank.example"]
    assert not is_eligible(channel)


@pytest.mark.parametrize("url", ["https://localhost/x", "https://127.1/x", "https://siem.internal/x"])
def test_a_host_of_ones_own_network_is_refused_when_the_channel_is_made(
    ada: User, settings: LazySettings, url: str
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = []
    client = Client()
    client.force_login(ada)
    answer = client.post("/notices/", {"medium": "slack", "address": url, "kinds": KINDS})
    assert answer.status_code == 422
    assert not Channel.objects.exists()
