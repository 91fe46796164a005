"""Callbacks, tokens and claims that the identity provider never sent, or not so; the provider is a real one."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from authlib.integrations.django_client import DjangoOAuth2App
from django.conf import LazySettings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from joserfc.jwk import OctKey, RSAKey

from kyc_review.accounts.models import Identity, User
from kyc_review.accounts.single_sign_on import services as single_sign_on
from kyc_review.accounts.single_sign_on.client import Answer
from kyc_review.accounts.single_sign_on.services import person_admit
from kyc_review.core.permissions import Role
from tests.factories.identity_provider import IdentityProvider

pytestmark = pytest.mark.django_db
START = "/login/single-sign-on/"


def account(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    claims = {"preferred_username": name, "groups": list(groups), "given_name": name.title()}
    return {name: {"claims": claims | more.pop("claims", {})} | more}


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


class TestAttacks:
    def test_the_callback_counts_once_and_only_where_it_was_begun(
        self, sso: IdentityProvider, client: Client
    ) -> None:
        sso.write(account("alice", "kyc-reviewers"))
        back = sso.visit(client.get(START)["Location"], "alice")
        assert Client().get(back).status_code == 403  # another browser
        assert client.get(back).status_code == 302
        other = Client()
        state = other.get(START)["Location"].split("state=")[1].split("&")[0]
        code = back.split("code=")[1].split("&")[0]
        replayed = f"{START}callback/?code={code}&state={state}"
        assert other.get(replayed).status_code == 403  # the provider and PKCE refuse the code
        assert client.get(back).status_code == 403
        assert not is_in(other)

    @pytest.mark.parametrize("answer", ["", "&code=", "&code=%00", "&error=", "&code=a&code=b"], ids=str)
    def test_a_callback_without_a_usable_code_is_refused(
        self, sso: IdentityProvider, client: Client, answer: str
    ) -> None:
        state = client.get(START)["Location"].split("state=")[1].split("&")[0]
        assert client.get(f"{START}callback/?state={state}{answer}").status_code == 403

    @pytest.mark.parametrize(
        "groups", [[["kyc-reviewers"]], [{"a": 1}, None, 3], {"kyc-reviewers": 1}, 7], ids=str
    )
    def test_groups_of_another_kind_give_no_role(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, groups: Any
    ) -> None:
        assert _with_token(sso, client, monkeypatch, {"groups": groups}).status_code == 403
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"aud": "another-client"},
            {"aud": "another-client", "azp": "kyc-review"},
            {"nonce": "of-another-login"},
            {"nonce": None},
            {"exp": 1_700_000_000},
            {"sub": ""},
        ],
        ids=str,
    )
    def test_a_token_with_a_wrong_claim_is_refused(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any]
    ) -> None:
        assert _with_token(sso, client, monkeypatch, claims).status_code == 403
        assert not is_in(client)

    @pytest.mark.parametrize("kind", ["other key", "none", "shared secret"])
    def test_a_token_that_the_provider_did_not_sign_is_refused(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        key: Any = {
            "other key": lambda: RSAKey.generate_key(2048),
            "none": lambda: OctKey.import_key("x" * 32),
            "shared secret": lambda: OctKey.import_key("only-for-tests" * 3),
        }[kind]()
        alg = {"other key": "RS256", "none": "none", "shared secret": "HS256"}[kind]
        assert _with_token(sso, client, monkeypatch, {}, key=key, alg=alg).status_code == 403
        assert not is_in(client)

    def test_the_same_token_rightly_signed_is_accepted(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise the tests above would prove nothing."""
        assert _with_token(sso, client, monkeypatch, {}).status_code == 302
        assert is_in(client)


@pytest.mark.django_db(transaction=True)
def test_two_first_logins_at_the_same_moment_make_one_account(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_ISSUER, settings.OIDC_ROLES = "https://id.bank.example", {"kyc-reviewers": "reviewer"}
    claims = {"sub": "7", "preferred_username": "alice", "groups": ["kyc-reviewers"]}
    answer = Answer(claims=claims, purpose="login", there="/", asked_at=0.0, id_token="")
    create = single_sign_on._person_create

    def created_slowly(answer: Answer, roles: set[Role]) -> User:
        time.sleep(0.3)  # both have looked for the person, if they can
        return create(answer, roles)

    monkeypatch.setattr(single_sign_on, "_person_create", created_slowly)

    def admitted(_: int) -> str:
        try:
            return person_admit(answer=answer)[0].username
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(admitted, range(2))) == ["alice", "alice"]
    assert (User.objects.count(), Identity.objects.count()) == (1, 1)


def _with_token(
    sso: IdentityProvider,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, Any],
    **signed: Any,
) -> HttpResponse:
    """The callback, where the provider's token end answers with this token for eve, a reviewer."""
    there = client.get(START)["Location"]
    state, nonce = (there.split(f"{name}=")[1].split("&")[0] for name in ("state", "nonce"))
    said = {"nonce": nonce, "preferred_username": "eve", "groups": ["kyc-reviewers"]} | claims
    said = {name: value for name, value in said.items() if value is not None}
    token = {"id_token": sso.forged(said, **signed), "token_type": "Bearer"}
    monkeypatch.setattr(DjangoOAuth2App, "fetch_access_token", lambda *_, **__: token)
    return client.get(f"{START}callback/?code=x&state={state}")  # type: ignore[return-value]
