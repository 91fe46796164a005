"""Passkeys as a second factor; the security key is made in software from the specification."""

import json
import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from tests.factories.passkeys import SecurityKey
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
NEW = "/account/passkeys/new/"


@pytest.fixture(autouse=True)
def _host(settings: LazySettings) -> None:
    settings.WEBAUTHN_RP_ID, settings.WEBAUTHN_ORIGINS = "testserver", ["http://testserver"]


def make(client: Client, key: SecurityKey) -> HttpResponse:
    """What the browser does before the person is asked for a proof."""
    client.post("/account/passkeys/", {"name": "blue key"})
    page = client.get(NEW).text
    options = json.loads(re.findall(r'id="passkey-options"[^>]*>(.*?)</script>', page)[0])
    return client.post(NEW, {"made": key.create(options)}, follow=True)  # type: ignore[return-value]


def add(client: Client, key: SecurityKey, **more: str) -> list[str]:
    """Adds it to the account of the client's person; the recovery codes that are shown."""
    make(client, key)
    answer = client.post(NEW, {"password": PASSWORD} | more, follow=True)
    return re.findall(r"<code>(\d{4} \d{4})</code>", answer.text)


@pytest.fixture
def key(alice: User, client: Client) -> SecurityKey:
    """That of alice, who is logged in with the client."""
    client.force_login(alice)
    key = SecurityKey()
    add(client, key)
    return key


def second_step() -> Client:
    client = Client()
    answer = client.post("/login/", {"username": "alice", "password": PASSWORD})
    assert answer["Location"] == "/login/code/"
    return client


def sign_in(client: Client, key: SecurityKey) -> int:
    options = client.post("/login/passkey/").json()
    return client.post("/login/code/", {"passkey": key.sign(options)}).status_code


def test_a_passkey_is_a_second_factor_with_recovery_codes(alice: User, client: Client) -> None:
    client.force_login(alice)
    key = SecurityKey()
    codes = add(client, key)
    assert len(codes) == 10
    assert sign_in(second_step(), key) == 302
    assert sign_in(second_step(), key) == 302
    row = Authenticator.objects.get(type="webauthn")
    assert (row.data["name"], row.data["counter"], row.last_used_at is None) == ("blue key", 2, False)
    assert second_step().post("/login/code/", {"code": codes[0]}).status_code == 302
    assert second_step().post("/login/code/", {"code": codes[0]}).status_code == 422
    event = Event.objects.filter(action="staff.logged_in").first()
    assert event is not None
    assert event.detail["second_factor"] in ("passkey", "recovery_code")


def test_registration_asks_for_password_and_factor(key: SecurityKey, client: Client) -> None:
    make(client, SecurityKey())
    for fields in ({"password": "wrong"}, {"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}):
        assert client.post(NEW, fields)["Location"] == NEW  # the passkey waits; only the proof is asked again
        assert Authenticator.objects.filter(type="webauthn").count() == 1
    options = client.post("/login/passkey/").json()
    client.post(NEW, {"password": PASSWORD, "passkey": key.sign(options)})
    assert Authenticator.objects.filter(type="webauthn").count() == 2
    assert client.get(NEW).status_code == 302


def test_a_passkey_that_the_browser_fails_to_make_uses_up_no_recovery_code(
    alice: User, client: Client
) -> None:
    client.force_login(alice)
    code = add(client, SecurityKey())[0]
    forged = SecurityKey(origin="https://evil.example")
    assert "could not be verified" in make(client, forged).text
    client.post(NEW, {"password": PASSWORD, "code": code})  # nothing was made, so nothing is looked at
    assert Authenticator.objects.filter(type="webauthn").count() == 1
    make(client, SecurityKey())
    client.post(NEW, {"password": PASSWORD, "code": code})
    assert Authenticator.objects.filter(type="webauthn").count() == 2


@pytest.mark.parametrize(
    ("name", "host", "said"),
    [
        ("localhost", "127.0.0.1:8331", "http://localhost:8331"),
        ("10.1.2.3", "10.1.2.3", "PUBLIC_URL"),
        ("bank.example", "kyc.bank.example", ""),
        ("bank.example", "kyc-bank.example", "http://localhost:8331"),
    ],
)
def test_the_page_says_where_a_passkey_can_be_made_before_anything_is_asked(
    alice: User, client: Client, settings: LazySettings, name: str, host: str, said: str
) -> None:
    settings.ALLOWED_HOSTS = [host.partition(":")[0]]
    settings.WEBAUTHN_RP_ID, settings.WEBAUTHN_ORIGINS = name, ["http://localhost:8331"]
    client.force_login(alice)
    page = client.get("/account/second-factor/", headers={"host": host}).text
    told = re.findall(r'data-testid="passkeys-problem">(.*?)</p>', page)
    assert (said in told[0]) if said else not told
    assert ('id="passkey-name"' in page) is not bool(said)
    begun = client.post("/account/passkeys/", {"name": "blue"}, headers={"host": host})
    assert begun["Location"] == ("/account/second-factor/" if said else NEW)


def test_a_challenge_counts_once_and_for_its_session(key: SecurityKey) -> None:
    client = second_step()
    signed = {"passkey": key.sign(client.post("/login/passkey/").json())}
    other = second_step()
    other.post("/login/passkey/")
    assert other.post("/login/code/", signed).status_code == 422
    assert client.post("/login/code/", signed).status_code == 302
    again = second_step()
    assert again.post("/login/code/", signed).status_code == 422
    assert Client().post("/login/passkey/").status_code == 403


@pytest.mark.parametrize("what", ["origin", "rp_id", "is_verified", "private", "counter"])
def test_what_does_not_fit_is_refused(key: SecurityKey, what: str) -> None:
    assert sign_in(second_step(), key) == 302
    wrong = {
        "origin": "https://evil.example",
        "rp_id": "evil.example",
        "is_verified": False,
        "private": SecurityKey().private,
        "counter": 0,  # of a copy that was made before
    }
    setattr(key, what, wrong[what])
    assert sign_in(second_step(), key) == 422
    assert Event.objects.filter(action="staff.passkey_cloned").exists() is (what == "counter")


@pytest.mark.parametrize("answer", ["[" * 19_000, "{", "null", '{"id": 1}'], ids=lambda text: text[:9])
def test_what_is_no_passkey_is_refused_and_recorded(key: SecurityKey, answer: str) -> None:
    client = second_step()
    client.post("/login/passkey/")
    assert client.post("/login/code/", {"passkey": answer}).status_code == 422
    assert Event.objects.filter(action="staff.code_refused").count() == 1


def test_a_passkey_of_somebody_else_is_refused(key: SecurityKey, bob: User) -> None:
    window = Client()
    window.force_login(bob)
    of_bob = SecurityKey()
    add(window, of_bob)
    assert sign_in(second_step(), of_bob) == 422


def test_the_last_one_of_a_person_who_must_have_one_stays(
    key: SecurityKey, client: Client, alice: User, settings: LazySettings
) -> None:
    number = Authenticator.objects.get(type="webauthn").pk

    def remove() -> None:
        signed = key.sign(client.post("/login/passkey/").json())
        fields = {"password": PASSWORD, "passkey": signed}
        client.post(f"/account/passkeys/{number}/removal/", fields)

    settings.REQUIRE_SECOND_FACTOR = ["reviewer"]
    remove()
    assert Authenticator.objects.filter(pk=number).exists()
    settings.REQUIRE_SECOND_FACTOR = []
    client.post(f"/account/passkeys/{number}/removal/", {"password": PASSWORD})
    assert Authenticator.objects.filter(pk=number).exists()
    remove()
    assert not Authenticator.objects.filter(
        user=alice
    ).exists()  # nor recovery codes that stand in for nothing


def test_a_person_has_ones_own_passkeys_only(key: SecurityKey, bob: User, staff: Callable[..., User]) -> None:
    number = Authenticator.objects.get(type="webauthn").pk
    window = Client()
    window.force_login(bob)
    window.post(f"/account/passkeys/{number}/removal/", {"password": PASSWORD})
    assert Authenticator.objects.filter(pk=number).exists()
