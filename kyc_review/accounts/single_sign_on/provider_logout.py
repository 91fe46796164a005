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

from kyc_review.accounts.models import User
from kyc_review.accounts.sessions.services import (
    PROVIDER_SESSION,
    PROVIDER_SESSIONS_LOCK,
    SESSION_ENDED,
    sessions_invalidate,
)
from kyc_review.accounts.single_sign_on.client import CLOCKS_DIFFER_S, LoginRefused, provider_client
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db.locks import lock_for_transaction

log = logging.getLogger(__name__)
EVENT = "http://schemas.openid.net/event/backchannel-logout"
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


@transaction.atomic
def provider_logout(token: LogoutToken) -> int:
    """End the session of this login at the provider, or all of the person's when the token names none; how many.

    A login that waits for our second factor has no session yet. It ends, too: with a new generation of the person's
    sessions, or by the event, which `has_ended_at_provider` finds. So a token that ends no session is recorded as well.
    Raises LogoutRefused for a token that was used before.
    """
    lock_for_transaction(PROVIDER_SESSIONS_LOCK)
    since = timezone.now() - timedelta(seconds=MAX_AGE_S + 2 * CLOCKS_DIFFER_S)
    if Event.objects.filter(action=SESSION_ENDED, at__gte=since, detail__token=token.id).exists():
        raise LogoutRefused("the token was used before")
    rows = UserSession.objects.select_related("user")
    named = None
    if token.subject:
        named = User.objects.filter(
            identity__issuer=settings.OIDC_ISSUER, identity__subject=token.subject
        ).first()
        rows = rows.filter(user=named)
    if token.session:
        rows = rows.filter(**{f"data__{PROVIDER_SESSION}": token.session})
    sessions = [row for row in rows if not row.purge()]
    people = {row.user for row in sessions} | ({named} if named else set())
    if not token.session:
        for person in people:
            sessions_invalidate(user=person)
    for row in sessions:
        row.end()
    for target in people or {None}:
        count = sum(row.user == target for row in sessions)
        detail = {"reason": REASON, "sessions": count, "token": token.id, "subject": token.subject}
        audit.record(action=SESSION_ENDED, target=target, detail=detail | {PROVIDER_SESSION: token.session})
    return len(sessions)


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
