"""Personal tokens: created by their owner after password and code, revoked by the owner or an admin."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.models import TOKEN_LIFE_MAX, PersonalToken, User
from kyc_review.accounts.second_factor.selectors import has_second_factor, is_required
from kyc_review.accounts.single_sign_on.confirmation import factor_is_at_provider
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import may_have_tokens

if TYPE_CHECKING:
    from django.db import models

MARK = "kyc_person_"
VALID_TOKENS_MAX = 5


class TokenRefused(DomainError):
    """Nothing was created; `detail` says why, for people."""


@transaction.atomic
def token_create(
    *, owner: User, label: str, days: int, is_read_only: bool = False
) -> tuple[PersonalToken, str]:
    """The row and the token itself, which is shown once and cannot be read again.

    The caller has confirmed the password and the code. Raises TokenRefused.
    """
    if not may_have_tokens(owner):
        raise TokenRefused(gettext("Only admins and auditors use the retraining API; your role does not."))
    life = timedelta(days=days)
    if not timedelta() < life <= TOKEN_LIFE_MAX:
        raise TokenRefused(
            gettext("A token is valid for 1 to %(days)s days.") % {"days": TOKEN_LIFE_MAX.days}
        )
    if is_required(owner) and not (has_second_factor(owner) or factor_is_at_provider(owner)):
        raise TokenRefused(gettext("Your account requires a second factor before you can create tokens."))
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # one after the other
    now = timezone.now()
    if (
        PersonalToken.objects.filter(owner=owner, revoked_at=None, expires_at__gt=now).count()
        >= VALID_TOKENS_MAX
    ):
        raise TokenRefused(
            gettext("You have %(number)s valid tokens already; revoke one of them first.")
            % {"number": VALID_TOKENS_MAX}
        )
    prefix = MARK + secrets.token_hex(6)
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = PersonalToken.objects.create(
        owner=owner,
        prefix=prefix,
        digest=key_digest(token),
        label=label,
        is_read_only=is_read_only,
        expires_at=now + life,
    )
    detail = {"label": label, "expires_at": row.expires_at.isoformat(), "read_only": is_read_only}
    audit.record(action="token.created", actor=owner, target=row, detail=detail)
    return row, token


@transaction.atomic
def token_revoke(*, token: PersonalToken, actor: models.Model | None = None) -> bool:
    """Revokes it from the next request on; returns whether it was still valid."""
    ended = PersonalToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    if ended:
        audit.record(
            action="token.revoked", actor=actor, target=token, detail={"owner": token.owner.username}
        )
    return bool(ended)


@transaction.atomic
def tokens_revoke_all(*, owner: User, actor: models.Model | None = None) -> int:
    """Revokes all tokens of a person: the account was closed or may be compromised."""
    rows = PersonalToken.objects.select_related("owner").filter(owner=owner, revoked_at=None)
    return sum(token_revoke(token=row, actor=actor) for row in rows.filter(expires_at__gt=timezone.now()))
