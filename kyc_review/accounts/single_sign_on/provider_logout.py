"""The identity provider says that somebody logged out there: OpenID Connect Back-Channel Logout 1.0.

Authlib has no class for logout tokens (1.9); joserfc, which it stands on, verifies them, with the keys and the
discovery document that Authlib's client keeps. https://openid.net/specs/openid-connect-backchannel-1_0.html
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests import RequestException

from kyc_review.accounts.models import Identity, User
from kyc_review.accounts.sessions.services import PROVIDER_SESSION, sessions_invalidate
from kyc_review.accounts.single_sign_on.client import CLOCKS_DIFFER_S, LoginRefused, provider_client
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event

log = logging.getLogger(__name__)
EVENT = "http://schemas.openid.net/event/backchannel-logout"
ACTION = "staff.session_ended"
REASON = "identity_provider"
MAX_AGE_S = (
    300  # a token is used at once; within this time, and the difference of the clocks, its id counts once
)
TEXT_MAX = 255
# Anyone may send a token with an unknown key; the provider's keys are read again for it at most this often.
KEYS_AGAIN_S = 60
_keys_read_at = float("-inf")


class LogoutRefused(Exception):
    """The text says why the token is not accepted, for the log and for the provider."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """subject or session, or both, are not empty."""

    subject: str
    session: str
    id: str


def logout_token_read(text: str) -> LogoutToken:
    """The token, verified as section 2.6 asks. Raises LogoutRefused."""
    try:
        claims = _verified(text, provider_client())
    except (RequestException, LoginRefused) as error:
        raise LogoutRefused("the keys of the identity provider cannot be read") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
        raise LogoutRefused(f"the logout token could not be verified ({type(error).__name__})") from error
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise LogoutRefused("the token is not one of a logout: events does not say so")
    if "nonce" in claims:
        raise LogoutRefused("a logout token must not have a nonce")
    if claims["iat"] < time.time() - MAX_AGE_S - CLOCKS_DIFFER_S:
        raise LogoutRefused(f"the token was issued more than {MAX_AGE_S} seconds ago")
    found = LogoutToken(*(_text(claims, name) for name in ("sub", "sid", "jti")))
    if not found.id or not (found.subject or found.session):
        raise LogoutRefused("the token needs jti, and sub or sid")
    return found


def provider_logout(token: LogoutToken) -> int:
    """End the session of this login at the provider, or all of the person's when the token names none; how many.

    Raises LogoutRefused for a token that was used before.
    """
    since = timezone.now() - timedelta(seconds=MAX_AGE_S + 2 * CLOCKS_DIFFER_S)
    if Event.objects.filter(action=ACTION, at__gte=since, detail__token=token.id).exists():
        raise LogoutRefused("the token was used before")
    rows = UserSession.objects.select_related("user")
    if token.subject:
        rows = rows.filter(
            user__in=Identity.objects.filter(issuer=settings.OIDC_ISSUER, subject=token.subject).values(
                "user"
            )
        )
    if token.session:
        rows = rows.filter(**{f"data__{PROVIDER_SESSION}": token.session})
    sessions = [row for row in rows if not row.purge()]
    for person in {row.user for row in sessions}:
        _end(person, [row for row in sessions if row.user == person], token)
    return len(sessions)


@transaction.atomic
def _end(person: User, sessions: list[UserSession], token: LogoutToken) -> None:
    if not token.session:
        sessions_invalidate(user=person)
    for row in sessions:
        row.end()
    detail = {"reason": REASON, "sessions": len(sessions), "token": token.id}
    audit.record(action=ACTION, target=person, detail=detail)


def _verified(text: str, client: DjangoOAuth2App) -> dict[str, Any]:
    global _keys_read_at
    try:
        claims = _decoded(text, client, client.fetch_jwk_set())
    except InvalidKeyIdError:
        if time.monotonic() < _keys_read_at + KEYS_AGAIN_S:
            raise
        _keys_read_at = time.monotonic()
        claims = _decoded(text, client, client.fetch_jwk_set(force=True))
    needed = jwt.JWTClaimsRegistry(
        leeway=CLOCKS_DIFFER_S,
        iss={"essential": True, "value": settings.OIDC_ISSUER},
        aud={"essential": True, "value": settings.OIDC_CLIENT_ID},
        iat={"essential": True},
        exp={"essential": True},
    )
    needed.validate(claims)
    return claims


def _decoded(text: str, client: DjangoOAuth2App, keys: Any) -> dict[str, Any]:
    allowed = client.load_server_metadata()["id_token_signing_alg_values_supported"]
    registry = JWSRegistry(algorithms=allowed, strict_check_header=False)
    return jwt.decode(text, KeySet.import_key_set(keys), registry=registry).claims


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > TEXT_MAX or "\x00" in value:
        raise LogoutRefused(f"{name} is no text of at most {TEXT_MAX} characters")
    return value
