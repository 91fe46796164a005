"""Confirmation at the identity provider, for people who have no password here: the session remembers it for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest

from kyc_review.accounts.models import Identity

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

CONFIRMED = "confirmed_at_provider"
CONFIRMED_S = 300


def confirms_at_provider(user: User) -> bool:
    """Whether the provider asks for the person's password, and not this product."""
    if settings.LOCAL_PASSWORDS and user.has_usable_password():
        return False
    return bool(settings.OIDC_ISSUER) and Identity.objects.filter(user=user).exists()


def factor_is_at_provider(user: User) -> bool:
    """Whether the provider also asks for the second factor, and says so."""
    return bool(settings.OIDC_SECOND_FACTOR) and confirms_at_provider(user)


def confirmation_note(request: HttpRequest, *, with_factor: bool) -> None:
    request.session[CONFIRMED] = {"at": time.time(), "with_factor": with_factor}


def is_confirmed(request: HttpRequest, *, with_factor: bool = False) -> bool:
    """Whether the person logged in again during the last five minutes."""
    noted = request.session.get(CONFIRMED)
    if not noted or time.time() - noted["at"] > CONFIRMED_S:
        return False
    return bool(noted["with_factor"]) or not with_factor


def confirmation_use(request: HttpRequest) -> None:
    """An approval used it: the next one needs another."""
    request.session.pop(CONFIRMED, None)
