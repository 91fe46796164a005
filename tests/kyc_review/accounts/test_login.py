import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db


def try_login(password: str, address: str = "198.51.100.7", **headers: str) -> int:
    said = {"username": "alice", "password": password}
    return Client().post("/login/", said, REMOTE_ADDR=address, headers=headers).status_code


def test_five_wrong_passwords_lock_a_name_for_that_address_alone(alice: User) -> None:
    assert [try_login("wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert try_login(PASSWORD) == 429
    assert try_login(PASSWORD, address="198.51.100.8") == 302
    assert Event.objects.filter(action="staff.locked_out").exists()


def test_a_login_is_an_event_and_forgives_what_was_typed_wrong_before(alice: User) -> None:
    for _ in range(2):
        assert [try_login("wrong") for _ in range(4)] == [200] * 4
        assert try_login(PASSWORD) == 302
    assert Event.objects.filter(action="staff.logged_in", actor_name="alice").count() == 2


def test_behind_a_trusted_proxy_the_client_is_locked_and_not_the_proxy(
    alice: User, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    proxy = "10.0.0.1"
    for _ in range(5):
        try_login("wrong", proxy, X_Forwarded_For="203.0.113.5")
    assert try_login(PASSWORD, proxy, X_Forwarded_For="203.0.113.5") == 429
    assert try_login(PASSWORD, proxy, X_Forwarded_For="203.0.113.6") == 302


def test_the_locked_page_says_what_to_do(alice: User) -> None:
    for _ in range(5):
        answer = Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert "Wait 15 minutes" in answer.text
    assert answer["Retry-After"] == "900"
