"""Who logs out at the identity provider is logged out here; the provider is a real one (npm's oidc-provider)."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.conf import LazySettings
from django.test import Client
from joserfc.jwk import OctKey, RSAKey

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.accounts.single_sign_on import client as oidc_client
from kyc_review.accounts.single_sign_on.provider_logout import EVENT
from kyc_review.audit.models import Event
from tests.factories.identity_provider import IdentityProvider
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
START, PATH = "/login/single-sign-on/", "/login/single-sign-on/back-channel-logout/"
LOGOUT: dict[str, Any] = {"sub": "alice", "jti": "one", "events": {EVENT: {}}}


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def send(token: str) -> Any:
    answer = Client(enforce_csrf_checks=True).post(PATH, {"logout_token": token})
    assert "no-store" in answer["Cache-Control"]
    return answer


@pytest.fixture
def log_in(sso: IdentityProvider) -> Callable[[], tuple[Client, requests.Session]]:
    """log_in() is alice in a browser of her own: (here, there)."""
    claims = {"preferred_username": "alice", "groups": ["kyc-reviewers"]}
    sso.write({"alice": {"claims": claims}})
    sso.logout_tokens.clear()

    def run() -> tuple[Client, requests.Session]:
        here, there = Client(), requests.Session()
        back = sso.visit(here.get(START)["Location"], "alice", there)
        assert here.get(back).status_code == 302
        assert is_in(here)
        return here, there

    return run


def test_logging_out_at_the_provider_ends_that_session_here_and_no_other(
    sso: IdentityProvider, log_in: Callable[[], tuple[Client, requests.Session]]
) -> None:
    (desk, browser), (laptop, _) = log_in(), log_in()
    sso.log_out(browser)
    (token,) = sso.logout_tokens
    assert send(token).status_code == 200
    assert (is_in(desk), is_in(laptop)) == (False, True)
    event = Event.objects.get(action="staff.session_ended")
    assert (event.detail["reason"], event.detail["sessions"], event.target_id) == (
        "identity_provider",
        1,
        str(User.objects.get().pk),
    )
    assert send(token).status_code == 400  # used before


def test_a_token_without_a_session_ends_all_of_the_person(
    sso: IdentityProvider, log_in: Callable[[], tuple[Client, requests.Session]]
) -> None:
    (desk, _), (laptop, _) = log_in(), log_in()
    assert send(sso.forged(LOGOUT | {"sub": "someone-else", "jti": "zero"})).status_code == 200
    assert (is_in(desk), is_in(laptop)) == (True, True)
    assert send(sso.forged(LOGOUT)).status_code == 200
    assert (is_in(desk), is_in(laptop)) == (False, False)
    desk, _ = log_in()
    refused = send(sso.forged(LOGOUT))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert is_in(desk)


def test_a_session_of_somebody_else_is_not_ended(
    sso: IdentityProvider, log_in: Callable[[], tuple[Client, requests.Session]]
) -> None:
    desk, browser = log_in()
    sso.log_out(browser)
    session = _claims(sso.logout_tokens[0])["sid"]
    assert send(sso.forged(LOGOUT | {"sub": "mallory", "sid": session})).status_code == 200
    assert is_in(desk)
    assert (
        send(sso.forged({"sub": None, "sid": session, "jti": "two", "events": {EVENT: {}}})).status_code
        == 400
    )
    forged = sso.forged({"sid": session, "jti": "two", "events": {EVENT: {}}}, without=("sub",))
    assert send(forged).status_code == 200
    assert not is_in(desk)


@pytest.mark.parametrize("named", ["session", "person", "both"])
def test_a_login_that_waits_for_the_second_factor_ends_too(
    sso: IdentityProvider, log_in: Callable[[], tuple[Client, requests.Session]], named: str
) -> None:
    desk, _ = log_in()
    code = second_factor_enrol(user=User.objects.get(), secret=SECRET, code=code_at(time.time()))
    desk.post("/logout/")
    waiting, other, there = Client(), Client(), requests.Session()
    for client, browser in ((waiting, there), (other, requests.Session())):
        back = sso.visit(client.get(START)["Location"], "alice", browser)
        assert client.get(back)["Location"] == "/login/code/"
    session = _claims(waiting.session["login_pending"]["kept"]["in_session"]["single_sign_on_id_token"])[
        "sid"
    ]
    assert send(sso.forged(LOGOUT | {"sub": "mallory", "sid": session, "jti": "zero"})).status_code == 200
    token = sso.forged(
        {"session": LOGOUT | {"sid": session}, "person": LOGOUT, "both": LOGOUT | {"sid": session}}[named],
        without=("sub",) if named == "session" else (),
    )
    assert send(token).status_code == 200
    assert send(token).status_code == 400, "its jti counts once, although it ended no session"
    waiting.post("/login/code/", {"code": code[0]})
    assert not is_in(waiting)
    other.post("/login/code/", {"code": code[1]})
    assert is_in(other) is (named != "person")
    ended = Event.objects.filter(action="staff.session_ended", detail__token="one").get()
    assert ended.detail["sessions"] == 0


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "InvalidClaim"),
        ({"aud": "another-client"}, "InvalidClaim"),
        ({"exp": 1_700_000_000}, "Expired"),
        ({"iat": 1_700_000_000}, "more than 300 seconds ago"),
        ({"events": {}}, "not one of a logout"),
        ({"events": {EVENT: "yes"}}, "not one of a logout"),
        ({"nonce": "n"}, "must not have a nonce"),
        ({"jti": ""}, "needs jti"),
        ({"jti": 7}, "InvalidClaim"),
        ({"sub": ""}, "sub or sid"),
        ({"sid": "x" * 300}, "sid is no text"),
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_ends_nothing(
    sso: IdentityProvider,
    log_in: Callable[[], tuple[Client, requests.Session]],
    claims: dict[str, Any],
    said: str,
) -> None:
    desk, _ = log_in()
    answer = send(sso.forged(LOGOUT | claims))
    assert answer.status_code == 400
    assert said in answer.json()["error_description"]
    assert is_in(desk)


@pytest.mark.parametrize("kind", ["other key", "shared secret", "no token", "no signature", "id token"])
def test_a_token_that_the_provider_did_not_make_for_a_logout_ends_nothing(
    sso: IdentityProvider, log_in: Callable[[], tuple[Client, requests.Session]], kind: str
) -> None:
    desk, _ = log_in()
    head, _, rest = sso.forged(LOGOUT).partition(".")
    tokens = {
        "other key": sso.forged(LOGOUT, key=RSAKey.generate_key(2048)),
        "shared secret": sso.forged(LOGOUT, key=OctKey.import_key("only-for-tests"), alg="HS256"),
        "no token": "",
        "no signature": f"{head}.{rest.rpartition('.')[0]}.",
        "id token": desk.session["single_sign_on_id_token"],
    }
    assert send(tokens[kind]).status_code == 400
    assert is_in(desk)


def test_unknown_keys_have_the_provider_asked_at_most_once_a_minute(
    sso: IdentityProvider,
    log_in: Callable[[], tuple[Client, requests.Session]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_in()
    client, asked = oidc_client.provider_client(), []
    fetch = client.fetch_jwk_set

    def counted(force: bool = False) -> Any:
        asked.append(force)
        return fetch(force)

    monkeypatch.setattr(client, "fetch_jwk_set", counted)
    for number in range(3):
        assert send(sso.forged(LOGOUT, kid=f"unknown-{number}")).status_code == 400
    assert asked.count(True) <= 1
    assert len(asked) >= 3


def test_without_a_provider_there_is_no_such_page(client: Client, settings: LazySettings) -> None:
    settings.OIDC_ISSUER = ""
    assert client.post(PATH, {"logout_token": "x"}).status_code == 404


def _claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found
