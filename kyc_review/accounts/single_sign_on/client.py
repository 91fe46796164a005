"""The client of the bank's identity provider: authorization code flow with PKCE, state and nonce, through Authlib.

django-allauth, which keeps the second factor, has a client too: it sends no nonce and does not check the signature of
ID tokens (65.21), and its accounts match by mail address.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from joserfc.errors import JoseError
from requests import RequestException

from kyc_review.core.errors import DomainError

NAME = "single_sign_on"
TIMEOUT_S = 10
# The discovery document and the keys are read again after this; an unknown key has them read at once.
METADATA_MAX_S = 3600
CLOCKS_DIFFER_S = 60
# Signed by the provider's private key. `none`, and keys that both sides know, are never accepted.
ALGORITHMS = {f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)} | {
    "EdDSA",
    "Ed25519",
}

_clients: dict[tuple[str, str], DjangoOAuth2App] = {}


class LoginRefused(DomainError):
    """The person is not let in; `reason` is for the audit log, `detail` for the person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says, verified: who it is, and for what they were sent there."""

    claims: dict[str, Any]
    purpose: str
    there: str
    asked_at: float
    id_token: str

    @property
    def subject(self) -> str:
        return str(self.claims["sub"])

    @property
    def session(self) -> str:
        """The session at the provider, which it names when it ends it; empty where it does not."""
        found = self.claims.get("sid")
        return found if isinstance(found, str) and len(found) <= 255 and "\x00" not in found else ""

    @property
    def claimed(self) -> dict[str, str]:
        """Subject and name for the audit log, in lengths that it keeps; a provider may give any text."""
        name = claim(self.claims, settings.OIDC_USERNAME_CLAIM)
        said = {"subject": self.subject, "claimed_name": name if isinstance(name, str) else ""}
        clean = {field: re.sub(r"[\x00-\x1f\x7f-\x9f]", "", text)[:150] for field, text in said.items()}
        return {field: text for field, text in clean.items() if text}

    @property
    def has_second_factor(self) -> bool:
        """Whether amr or acr has a value that OIDC_SECOND_FACTOR counts."""
        methods = self.claims.get("amr")
        said = {f"amr:{method}" for method in (methods if isinstance(methods, list) else [])}
        return not said.union({f"acr:{self.claims.get('acr')}"}).isdisjoint(settings.OIDC_SECOND_FACTOR)

    @property
    def is_fresh(self) -> bool:
        """Whether the person logged in at the provider after we asked for it."""
        at = self.claims.get("auth_time")
        return isinstance(at, int | float) and at >= self.asked_at - CLOCKS_DIFFER_S


def is_on() -> bool:
    return bool(settings.OIDC_ISSUER)


def address_to_leave_for(request: HttpRequest, *, purpose: str, there: str, is_again: bool = False) -> str:
    """The provider's page; `is_again` has the person log in there also in a running session.

    Raises LoginRefused when the provider does not answer.
    """
    more: dict[str, Any] = {"prompt": "login", "max_age": 0} if is_again else {}
    if settings.OIDC_ACR_VALUES:
        more["acr_values"] = settings.OIDC_ACR_VALUES
    callback = settings.PUBLIC_URL.rstrip("/") + reverse("single_sign_on:callback")
    try:
        client = provider_client()
        made = client.create_authorization_url(callback, **more)
    except (AuthlibBaseError, RequestException, ValueError) as error:
        raise _unreachable() from error
    kept = {"purpose": purpose, "there": there, "asked_at": time.time(), "redirect_uri": callback}
    client.save_authorize_data(request, **kept, **made)
    return str(made["url"])


def answer_of(request: HttpRequest) -> Answer:
    """Exchanges the code of the callback. Each state counts once. Raises LoginRefused."""
    kept = _kept(request)
    if request.GET.get("iss", settings.OIDC_ISSUER) != settings.OIDC_ISSUER:
        raise _invalid()
    try:
        client = provider_client()
        options = {
            "iss": {"essential": True, "value": settings.OIDC_ISSUER},
            "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
        }
        token = client.authorize_access_token(request, claims_options=options, leeway=CLOCKS_DIFFER_S)
        claims = dict(token.get("userinfo") or {})
        if claims and _without_roles(claims) and "userinfo_endpoint" in client.load_server_metadata():
            more = client.userinfo(token=token)
            if more.get("sub") != claims["sub"]:
                raise _invalid()
            claims = dict(more) | claims
    except RequestException as error:
        raise _unreachable() from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        if request.GET.get("error"):
            raise LoginRefused(
                "provider_refused", gettext("The identity provider did not log you in. Try again.")
            ) from error
        raise _invalid() from error
    if not claims.get("sub"):
        raise _invalid()
    return Answer(
        claims=claims,
        purpose=kept["purpose"],
        there=kept["there"],
        asked_at=kept["asked_at"],
        id_token=str(token["id_token"]),
    )


def address_to_sign_out(id_token: str) -> str:
    """Where the person ends the session at the provider; empty if it has no such page or does not answer."""
    try:
        client = provider_client()
        if not client.load_server_metadata().get("end_session_endpoint"):
            return ""
        back = settings.PUBLIC_URL.rstrip("/") + reverse("login")
        made = client.create_logout_url(
            post_logout_redirect_uri=back, id_token_hint=id_token, client_id=settings.OIDC_CLIENT_ID
        )
    except (LoginRefused, AuthlibBaseError, RequestException, ValueError):
        return ""
    return str(made["url"])


def claim(claims: dict[str, Any], name: str) -> Any:
    """The claim of this name, or along this path (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _without_roles(claims: dict[str, Any]) -> bool:
    return claim(claims, settings.OIDC_ROLES_CLAIM) is None


def _kept(request: HttpRequest) -> dict[str, Any]:
    """What was kept when the person was sent away; Authlib ends it when it exchanges the code."""
    kept = DjangoIntegration(NAME).get_state_data(request.session, request.GET.get("state", ""))
    if not kept:
        raise LoginRefused(
            "no_such_request",
            gettext(
                "This login was not begun in this browser, was used already, or took too long. Log in again."
            ),
        )
    return dict(kept)


def provider_client() -> DjangoOAuth2App:
    """One for each configuration, with the provider's discovery document. Raises LoginRefused, RequestException."""
    key = (settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID)
    known = _clients.get(key)
    if known is not None and time.time() - known.server_metadata["_loaded_at"] < METADATA_MAX_S:
        return known
    made = DjangoOAuth2App(
        DjangoIntegration(NAME),
        NAME,
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        server_metadata_url=settings.OIDC_ISSUER.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_S,
        },
    )
    found = made.load_server_metadata()
    if found.get("issuer") != settings.OIDC_ISSUER:
        raise LoginRefused(
            "wrong_issuer",
            gettext("The identity provider calls itself %(found)s, and OIDC_ISSUER is %(expected)s.")
            % {"found": found.get("issuer"), "expected": settings.OIDC_ISSUER},
        )
    offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
    found["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS]
    _clients[key] = made
    return made


def _unreachable() -> LoginRefused:
    return LoginRefused(
        "provider_unreachable", gettext("The identity provider does not answer. Try again in a few minutes.")
    )


def _invalid() -> LoginRefused:
    return LoginRefused(
        "invalid_token", gettext("The answer of the identity provider could not be verified. Log in again.")
    )
