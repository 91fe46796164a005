"""Passkeys and security keys (WebAuthn) as a second factor, with Yubico's fido2; allauth's table stores them.

allauth's own WebAuthn pages belong to its login stages, which this product does not use: its login, locks and events
are ours. `Authenticator.data` has `name`, `credential` (AttestedCredentialData, base64) and `counter`.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kyc_review.accounts.account_notices import record_and_tell
from kyc_review.accounts.second_factor.approving import factor_told
from kyc_review.accounts.second_factor.services import (
    FactorRefused,
    factor_added,
    factor_removed,
)
from kyc_review.audit import services as audit

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

CHALLENGE = "passkey_challenge"  # of the session: the last one, which counts once
CHALLENGE_S = 300
PASSKEYS_MAX = 10
REQUIRED = UserVerificationRequirement.REQUIRED


def passkeys_of(user: User) -> QuerySet[Authenticator]:
    """The oldest first."""
    rows: QuerySet[Authenticator] = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return rows.order_by("pk")


def passkeys_problem(request: HttpRequest) -> str:
    """Why no browser makes or uses a passkey at the address of this request, and what to do; empty if it can."""
    name = settings.WEBAUTHN_RP_ID
    if _is_ip(name):
        return gettext(
            "Passkeys need a host name, and this installation has the IP address %(address)s only. Use an "
            "authenticator app, or ask the operator to set PUBLIC_URL to a host name."
        ) % {"address": name}
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    if host != name and not host.endswith(f".{name}"):
        return gettext(
            "Passkeys work at %(address)s only, and this page was opened at %(here)s. Open it there, or use an "
            "authenticator app."
        ) % {"address": settings.WEBAUTHN_ORIGINS[0], "here": host}
    return ""


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def new_passkey_name(user: User, text: str) -> str:
    """The name as it is kept. Raises FactorRefused, before the person is asked for anything else."""
    name = " ".join(text.split())[:60]
    if not name:
        raise FactorRefused(gettext("Give the passkey a name, so that you can tell it from others."))
    if passkeys_of(user).count() >= PASSKEYS_MAX:
        raise FactorRefused(
            gettext("There may be %(most)s passkeys; remove one first.") % {"most": PASSKEYS_MAX}
        )
    return name


def creation_options(request: HttpRequest, user: User) -> dict[str, Any]:
    """For `navigator.credentials.create`."""
    entity = PublicKeyCredentialUserEntity(
        id=f"user-{user.pk}".encode(), name=user.get_username(), display_name=str(user)
    )
    options, state = _server().register_begin(
        entity,
        [_credential(row) for row in passkeys_of(user)],
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=REQUIRED,
    )
    return _begun(request, "create", options, state)


def request_options(request: HttpRequest, user: User) -> dict[str, Any]:
    """For `navigator.credentials.get`."""
    credentials = [_credential(row) for row in passkeys_of(user)]
    options, state = _server().authenticate_begin(credentials, user_verification=REQUIRED)
    return _begun(request, "get", options, state)


# What the library raises for JSON of other shapes than a browser's answer.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def passkey_verify(*, request: HttpRequest, answer: str) -> dict[str, Any]:
    """What the browser made, verified but not stored; for `passkey_add`. Raises FactorRefused."""
    try:
        made = _server().register_complete(_state(request, "create"), json.loads(answer))
    except MALFORMED as error:
        raise FactorRefused(gettext("The passkey could not be verified. Try again.")) from error
    assert made.credential_data is not None  # of every registration
    return {"credential": b64encode(bytes(made.credential_data)).decode(), "counter": made.counter}


@transaction.atomic
def passkey_add(*, user: User, name: str, made: dict[str, Any]) -> list[str]:
    """Stores it; recovery codes if it is the person's first factor. Raises FactorRefused.

    The caller has confirmed password and second factor.
    """
    name = new_passkey_name(user, name)
    data = made | {"name": name}
    row = Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)
    return factor_added(user=user, action="staff.passkey_added", detail={"name": name} | factor_told(row))


@transaction.atomic
def passkey_remove(*, user: User, number: int) -> str:
    """Its name. Raises FactorRefused for the last factor of a person who must have one."""
    row = passkeys_of(user).select_for_update().filter(pk=number).first()
    if row is None:
        raise FactorRefused(gettext("There is no such passkey."))
    row.delete()
    name = str(row.data["name"])
    factor_removed(user=user, action="staff.passkey_removed", detail={"name": name} | factor_told(row))
    return name


@transaction.atomic
def passkey_check(*, request: HttpRequest, user: User, answer: str) -> bool:
    """Whether one of the person's passkeys signed the challenge of this session, which counts once."""
    rows = {bytes(_credential(row).credential_id): row for row in passkeys_of(user).select_for_update()}
    try:
        response = AuthenticationResponse.from_dict(json.loads(answer))
        used = _server().authenticate_complete(
            _state(request, "get"), [_credential(row) for row in rows.values()], response
        )
    except MALFORMED:
        audit.record(action="staff.code_refused", actor=user, target=user, detail={"kind": "passkey"})
        return False
    row, counter = rows[bytes(used.credential_id)], response.response.authenticator_data.counter
    if (counter or row.data["counter"]) and counter <= row.data["counter"]:
        # Another device has the same private key (WebAuthn, 7.2, step 22).
        detail = {"name": row.data["name"], "counter": counter, "known": row.data["counter"]}
        record_and_tell(action="staff.passkey_cloned", actor=user, target=user, detail=detail)
        return False
    row.data["counter"], row.last_used_at = counter, timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def _server() -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(id=settings.WEBAUTHN_RP_ID, name=settings.BRAND_NAME)
    return Fido2Server(entity, verify_origin=lambda origin: origin in settings.WEBAUTHN_ORIGINS)


def _begun(request: HttpRequest, purpose: str, options: Any, state: Any) -> dict[str, Any]:
    kept = {"challenge": state["challenge"], "user_verification": str(REQUIRED.value)}
    request.session[CHALLENGE] = {"purpose": purpose, "until": time.time() + CHALLENGE_S, "state": kept}
    return dict(dict(options)["publicKey"])


def _state(request: HttpRequest, purpose: str) -> dict[str, Any]:
    """Of the last challenge, which is then used up. Raises ValueError when it is none of this kind, or too old."""
    kept = request.session.pop(CHALLENGE, None)
    if not kept or kept["purpose"] != purpose or kept["until"] < time.time():
        raise ValueError("no challenge is open")
    return dict(kept["state"])


def _credential(row: Authenticator) -> AttestedCredentialData:
    return AttestedCredentialData(b64decode(row.data["credential"]))
