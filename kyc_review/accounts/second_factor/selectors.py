"""Who has a second factor, and who must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.conf import settings

from kyc_review.accounts.second_factor.codes import codes_left

if TYPE_CHECKING:
    from datetime import datetime

    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class Factor:
    since: datetime
    codes_left: int


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def is_required_by_role(user: User) -> bool:
    roles = settings.REQUIRE_SECOND_FACTOR
    return "all" in roles or (bool(roles) and user.has_role(*roles))


def is_required(user: User) -> bool:
    return user.must_use_second_factor or is_required_by_role(user)


def own_factor(*, viewer: User) -> Factor | None:
    """The viewer's own, and how many recovery codes are left."""
    rows = {row.type: row for row in Authenticator.objects.filter(user=viewer)}
    if Authenticator.Type.TOTP not in rows:
        return None
    codes = rows.get(Authenticator.Type.RECOVERY_CODES)
    return Factor(
        since=rows[Authenticator.Type.TOTP].created_at,
        codes_left=codes_left(codes) if codes else 0,
    )
