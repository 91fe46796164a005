"""The second factor and a new login at the identity provider, where they stand for those here."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from authlib.integrations.django_client import DjangoOAuth2App
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from kyc_review.accounts.models import AdminRequest, User
from kyc_review.accounts.people.admin_requests import admin_request_open
from kyc_review.core.permissions import Role
from tests.factories.identity_provider import IdentityProvider
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
Through = Callable[..., HttpResponse]
START = "/login/single-sign-on/"


def account(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    claims = {"preferred_username": name, "groups": list(groups), "given_name": name.title()}
    return {name: {"claims": claims | more.pop("claims", {})} | more}


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _counts(self, settings: LazySettings) -> None:
        settings.OIDC_SECOND_FACTOR, settings.REQUIRE_SECOND_FACTOR = ["amr:mfa", "acr:gold"], ["senior"]

    @pytest.mark.parametrize(
        ("said", "counts"),
        [({"amr": ["pwd", "mfa"]}, True), ({"acr": "gold"}, True), ({"amr": ["pwd"]}, False), ({}, False)],
    )
    def test_the_factor_of_the_provider_counts_where_it_says_so(
        self, sso: IdentityProvider, through: Through, client: Client, said: dict[str, Any], counts: bool
    ) -> None:
        sso.write(account("sam", "kyc-seniors", **said))
        assert through(client, "sam").status_code == 302
        answer = client.get("/review/")
        assert (answer.status_code == 200) is counts
        assert counts or answer["Location"] == "/account/second-factor/"

    def test_a_new_login_there_confirms_who_asks(
        self, sso: IdentityProvider, through: Through, client: Client
    ) -> None:
        sso.write(account("sam", "kyc-seniors", amr=["mfa"]) | account("eve", "kyc-seniors", amr=["mfa"]))
        through(client, "sam")
        fields = {"password": PASSWORD, "code": "000000"}
        assert "Confirm at your identity provider" in client.post("/account/second-factor/", fields).text
        there = client.get(f"{START}confirm/?next=/account/second-factor/")["Location"]
        assert "prompt=login" in there
        assert "max_age=0" in there
        assert client.get(sso.visit(there, "eve")).status_code == 403
        answer = through(client, "sam", f"{START}confirm/?next=/account/second-factor/")
        assert answer["Location"] == "/account/second-factor/"
        assert "Incorrect code" in client.post("/account/second-factor/", fields).text
        assert client.get("/account/password/").status_code == 403

    def test_each_approval_needs_a_new_login_there_with_the_factor(
        self,
        sso: IdentityProvider,
        through: Through,
        client: Client,
        staff: Callable[..., User],
        settings: LazySettings,
    ) -> None:
        sso.write(account("ada", "kyc-admins", amr=["mfa"]))
        through(client, "ada")
        settings.APPROVER_SECOND_FACTOR = settings.ADMIN_ACCESS_NEEDS_TWO = True
        amir = staff("amir", "admin")
        requests = [
            admin_request_open(
                person=staff(name, "reviewer"), act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=amir
            )
            for name in ("bert", "carla")
        ]

        def approve(request: AdminRequest) -> str:
            client.post(f"/people/requests/{request.pk}/approval/")
            request.refresh_from_db()
            return request.state

        assert approve(requests[0]) == "open"
        sso.write(account("ada", "kyc-admins", amr=["pwd"]))
        through(client, "ada", f"{START}confirm/?next=/people/")
        assert approve(requests[0]) == "open"
        sso.write(account("ada", "kyc-admins", amr=["mfa"]))
        through(client, "ada", f"{START}confirm/?next=/people/")
        assert approve(requests[0]) == "approved"
        assert approve(requests[1]) == "open"

    def test_an_old_login_there_confirms_nothing(
        self, sso: IdentityProvider, through: Through, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sso.write(account("sam", "kyc-seniors", amr=["mfa"]))
        through(client, "sam")
        there = client.get(f"{START}confirm/")["Location"]
        state, nonce = (there.split(f"{name}=")[1].split("&")[0] for name in ("state", "nonce"))
        for auth_time in (int(time.time()) - 3600, None):
            claims: dict[str, Any] = {"sub": "sam", "nonce": nonce, "groups": [], "auth_time": auth_time}
            said = {name: value for name, value in claims.items() if value is not None}
            token = {"id_token": sso.forged(said), "token_type": "Bearer"}
            monkeypatch.setattr(DjangoOAuth2App, "fetch_access_token", lambda *_, token=token, **__: token)
            answer = client.get(f"{START}callback/?code=x&state={state}")
            assert answer.status_code == 403
        assert "confirmed_at_provider" not in client.session
