"""People are told of changes of their own account, at the address that they gave."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import password_reissue, role_change
from kyc_review.accounts.second_factor.services import second_factor_reset
from kyc_review.accounts.services import password_change
from kyc_review.core.valkey import client as valkey
from kyc_review.notices import delivery
from kyc_review.notices.models import Notice
from kyc_review.notices.selectors import channels_listed
from tests.factories.mail_server import MailServer
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def addressed(alice: User) -> User:
    alice.email = "alice@bank.example"
    alice.save()
    return alice


def test_what_changes_an_account_is_told_in_the_persons_language(
    addressed: User, staff: Callable[..., User], mail_server: MailServer
) -> None:
    User.objects.filter(pk=addressed.pk).update(language="de")
    ada = staff("ada", "admin")
    password_reissue(person=addressed, actor=ada)
    role_change(person=addressed, role="senior", actor=ada)
    password_change(user=addressed, password="another long password")
    second_factor_reset(user=addressed, actor=ada)  # there is none: nothing happens
    assert delivery.deliver_until_idle() == 1  # together, as they wait for one address
    [(_, recipients, message)] = mail_server.took
    assert recipients == ["alice@bank.example"]
    body = message.get_content()
    for text in ("Ein Administrator hat ein neues Passwort", "Ihre Rolle wurde geändert", "Das war ada."):
        assert text in body
    assert "Ihr Passwort wurde geändert" in body
    assert "/account/" in body
    assert "Wählen Sie" not in body
    assert Notice.objects.count() == 3


def test_a_lock_is_told_once(addressed: User, client: Client) -> None:
    valkey().flushdb()
    for _ in range(8):
        client.post("/login/", {"username": "alice", "password": "wrong"})
    assert [notice.title for notice in Notice.objects.all()] == [
        "Logins with your name were locked after wrong passwords"
    ]


def test_a_new_address_is_told_to_the_old_one_too_and_needs_the_password(
    addressed: User, client: Client, mail_server: MailServer
) -> None:
    client.force_login(addressed)
    client.post("/account/email/", {"email": "eve@bank.example", "password": "wrong"})
    client.post("/account/email/", {"email": "alice@elsewhere.example", "password": PASSWORD})
    addressed.refresh_from_db()
    assert addressed.email == "alice@bank.example"
    client.post("/account/email/", {"email": "a.smith@bank.example", "password": PASSWORD})
    delivery.deliver_until_idle()
    told = {recipient for _, recipients, _ in mail_server.took for recipient in recipients}
    assert told == {"alice@bank.example", "a.smith@bank.example"}


def test_without_an_address_of_the_bank_no_mail_goes_out_and_the_channel_is_listed_nowhere(
    alice: User, staff: Callable[..., User], settings: LazySettings
) -> None:
    password_change(user=alice, password="another long password")
    assert not Notice.objects.exists()
    ada = staff("ada", "admin")
    ada.email = "ada@bank.example"
    ada.save()
    password_change(user=ada, password="another long password")
    assert Notice.objects.count() == 1
    assert not channels_listed(viewer=ada).exists()
    settings.NOTICE_EMAIL_DOMAINS = ["other.example"]
    password_change(user=ada, password="a third long password")
    assert Notice.objects.count() == 1
