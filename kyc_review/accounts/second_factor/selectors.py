"""Who has a second factor, and who must."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.conf import settings

from kyc_review.accounts.second_factor.codes import codes_left

if TYPE_CHECKING:
    from datetime import datetime

    from kyc_review.accounts.models import User


# Each is enough for the second step of a login; recovery codes stand in for a lost one.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class Checked(StrEnum):
    """What a second step was."""

    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    REFUSED = "refused"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Factor:
    since: datetime
    codes_left: int
    has_app: bool
    passkeys: list[Authenticator]


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=FACTORS).exists()


def latest_factor_secret() -> str | None:
    """Of the second factor with codes that was set up last; encrypted with SECRET_KEY."""
    latest = Authenticator.objects.filter(type=Authenticator.Type.TOTP).order_by("created_at").last()
    return None if latest is None else str(latest.data["secret"])


def has_passkey(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists()


def is_required_by_role(user: User) -> bool:
    roles = settings.REQUIRE_SECOND_FACTOR
    return "all" in roles or (bool(roles) and user.has_role(*roles))


def is_required(user: User) -> bool:
    return user.must_use_second_factor or is_required_by_role(user)


def own_factor(*, viewer: User) -> Factor | None:
    """The viewer's own, and how many recovery codes are left."""
    rows = list(Authenticator.objects.filter(user=viewer).order_by("created_at", "pk"))
    factors = [row for row in rows if row.type in FACTORS]
    if not factors:
        return None
    return Factor(
        since=factors[0].created_at,
        codes_left=sum(codes_left(row) for row in rows if row.type == Authenticator.Type.RECOVERY_CODES),
        has_app=any(row.type == Authenticator.Type.TOTP for row in factors),
        passkeys=[row for row in factors if row.type == Authenticator.Type.WEBAUTHN],
    )
