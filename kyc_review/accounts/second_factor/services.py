"""The life cycle of a second factor: begin, enrol, verify, end. allauth stores the rows.

Every change of it ends the person's sessions; the view that the owner used keeps its own (`session_keep`).

allauth itself stores used codes and failures in a cache, which is separate in each web process. Here both are
in the row, so that a code works once and failures are counted across processes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.account_notices import record_and_tell
from kyc_review.accounts.second_factor import codes
from kyc_review.accounts.second_factor.approving import factor_told
from kyc_review.accounts.second_factor.selectors import (
    Checked,
    has_second_factor,
    is_required,
    is_required_by_role,
)
from kyc_review.accounts.sessions.services import sessions_invalidate
from kyc_review.accounts.tokens.services import tokens_revoke_all
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError

if TYPE_CHECKING:
    from django.db import models

    from kyc_review.accounts.models import User

# Wrong codes in a row, from any address, after which codes are refused for LOGIN_LOCK_S. The lock of one
# address comes earlier (LOGIN_FAILURES_MAX); this one stops an attacker with the password and many addresses.
FAILURES_MAX = 10


class FactorRefused(DomainError):
    """Nothing was changed; `detail` says why, for people."""


@transaction.atomic
def second_factor_enrol(*, user: User, secret: str, code: str) -> list[str]:
    """Store the secret, once a code proves that the app has it; ten recovery codes. Raises FactorRefused."""
    step = codes.matching_step(secret, code)
    if step is None:
        raise FactorRefused(
            gettext("Incorrect code. Enter the one that the app shows now, and check the phone's clock.")
        )
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise FactorRefused(gettext("A second factor is already set up."))
    data = {"secret": encrypt(secret), "last_step": step}
    row = Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return factor_added(user=user, action="staff.second_factor_enrolled", detail=factor_told(row))


def factor_added(*, user: User, action: str, detail: dict[str, Any] | None = None) -> list[str]:
    """What follows, in the caller's transaction: other sessions end; ten recovery codes unless there are some."""
    sessions_invalidate(user=user)  # they were opened with the password alone
    record_and_tell(action=action, actor=user, target=user, detail=detail)
    has_codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists()
    return [] if has_codes else _fresh_codes(user)


def factor_removed(*, user: User, action: str, detail: dict[str, Any] | None = None) -> None:
    """What follows, in the caller's transaction. Raises FactorRefused if it was the last and one is required."""
    if not has_second_factor(user):
        if is_required(user):
            raise FactorRefused(gettext("Your account must have a second factor: add another one first."))
        _delete(user)
        tokens_revoke_all(owner=user, actor=user)
    sessions_invalidate(user=user)
    record_and_tell(action=action, actor=user, target=user, detail=detail)


@transaction.atomic
def recovery_codes_renew(*, user: User) -> list[str]:
    """Ten new recovery codes; the old ones stop working. Raises FactorRefused for people without a second factor."""
    if not has_second_factor(user):
        raise FactorRefused(gettext("Set up a second factor first."))
    sessions_invalidate(user=user)
    record_and_tell(action="staff.recovery_codes_renewed", actor=user, target=user)
    return _fresh_codes(user)


@transaction.atomic
def code_check(*, user: User, code: str) -> Checked:
    """Whether it is the app's code, or an unused recovery code. Each counts once; raises FactorUnreadable."""
    row = _row_of_codes(user)
    if row is None:
        return Checked.REFUSED
    if _is_paused(row):
        return Checked.PAUSED
    checked = _checked(row, code)
    if checked is Checked.REFUSED:
        row.data |= {"failures": row.data.get("failures", 0) + 1, "failed_at": time.time()}
        audit.record(
            action="staff.code_refused", actor=user, target=user, detail={"in_a_row": row.data["failures"]}
        )
    else:
        row.data |= {"failures": 0}
        row.last_used_at = timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return checked


def _row_of_codes(user: User) -> Authenticator | None:
    """Counts the failures: the app's row, or that of the recovery codes of people who have passkeys only. Locked."""
    rows = Authenticator.objects.select_for_update().filter(user=user)
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    return next(filter(None, (rows.filter(type=kind).first() for kind in kinds)), None)


@transaction.atomic
def code_failures_forget(*, user: User) -> int:
    """The number of wrong codes in a row."""
    row = _row_of_codes(user)
    failures = int(row.data.get("failures", 0)) if row else 0
    if row and failures:
        row.data |= {"failures": 0}
        row.save(update_fields=["data"])
    return failures


@transaction.atomic
def second_factor_end(*, user: User) -> None:
    """By its owner, which ends all personal tokens. Raises FactorRefused where one is required."""
    if is_required(user):
        raise FactorRefused(gettext("Your account must have a second factor."))
    if _delete(user):
        sessions_invalidate(user=user)
        tokens_revoke_all(owner=user, actor=user)
        record_and_tell(action="staff.second_factor_ended", actor=user, target=user)


@transaction.atomic
def second_factor_reset(*, user: User, actor: models.Model | None = None) -> bool:
    """Reset by an admin, after loss of phone and recovery codes, which ends all sessions and personal tokens; returns
    whether there was one."""
    if actor is not None and actor.pk == user.pk:
        raise FactorRefused(
            gettext("Turn off your own second factor on your account page; this requires your password.")
        )
    was_there = _delete(user)
    if was_there:
        sessions_invalidate(user=user)
        tokens_revoke_all(owner=user, actor=actor)
        record_and_tell(action="staff.second_factor_reset", actor=actor, target=user)
    return was_there


@transaction.atomic
def second_factor_require(*, user: User, is_asked: bool, actor: models.Model | None = None) -> None:
    """Require it for this person, or follow the role's requirement. Raises FactorRefused if the role requires it."""
    if not is_asked and is_required_by_role(user):
        raise FactorRefused(
            gettext("REQUIRE_SECOND_FACTOR requires it for this role; it cannot be waived here.")
        )
    rows = type(user).objects.filter(pk=user.pk).exclude(must_use_second_factor=is_asked)
    if rows.update(must_use_second_factor=is_asked):
        action = "staff.second_factor_required" if is_asked else "staff.second_factor_waived"
        audit.record(action=action, actor=actor, target=user)


def _checked(row: Authenticator, code: str) -> Checked:
    if row.type == Authenticator.Type.RECOVERY_CODES:
        return Checked.RECOVERY_CODE if codes.recovery_code_use(row, code) else Checked.REFUSED
    step = codes.matching_step(decrypt(row.data["secret"]), code)
    if step is not None and step > row.data.get("last_step", -1):
        row.data["last_step"] = step
        return Checked.TOTP
    # The caller's lock on the other row protects this one too.
    recovery = Authenticator.objects.filter(user=row.user, type=Authenticator.Type.RECOVERY_CODES).first()
    if recovery is not None and codes.recovery_code_use(recovery, code):
        return Checked.RECOVERY_CODE
    return Checked.REFUSED


def _is_paused(row: Authenticator) -> bool:
    if row.data.get("failures", 0) < FAILURES_MAX:
        return False
    return bool(time.time() - row.data["failed_at"] < settings.LOGIN_LOCK_S)


def _fresh_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    made = codes.recovery_codes_new()
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data=codes.sealed(made))
    return [f"{code[:4]} {code[4:]}" for code in made]


def _delete(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user).delete()[0])
