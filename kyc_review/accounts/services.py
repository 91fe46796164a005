"""Writes on staff, integrations and their keys."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network

from axes.utils import reset
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.account_notices import person_tell, record_and_tell
from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.models import NEEDS_TWO, ApiKey, Integration, Scope, User, all_scopes
from kyc_review.accounts.second_factor.services import code_failures_forget
from kyc_review.accounts.tokens.services import tokens_revoke_all
from kyc_review.accounts.user_names import user_name_check
from kyc_review.audit import services as audit
from kyc_review.core.db.statements import fetch_one
from kyc_review.core.errors import DomainError
from kyc_review.core.mail_addresses import is_banks_address
from kyc_review.core.permissions import Right, Role, require

LIVE_MARK, TEST_MARK = "kyc_live_", "kyc_test_"
# One in use and its successor during a rotation; a third would be forgotten.
VALID_KEYS_MAX = 2


class KeyRightsRefused(DomainError):
    """The approval is refused; the text says why."""


class TooManyKeys(ValueError):
    """The integration has reached its limit of valid keys of this mode; the message names them."""


def roles_ensure() -> None:
    known = set(Group.objects.values_list("name", flat=True))
    missing = [Group(name=role.value) for role in Role if role.value not in known]
    Group.objects.bulk_create(missing, ignore_conflicts=True)


@transaction.atomic
def staff_create(
    *,
    username: str,
    password: str,
    role: str | None,
    first_name: str = "",
    actor: models.Model | None = None,
) -> User:
    """Without a role the person can log in and sees no page.

    Raises ValidationError for a weak password and for a name that looks like another's, Group.DoesNotExist for an
    unknown role.
    """
    user_name_check(username)
    user = User(username=username, first_name=first_name)
    validate_password(password, user)
    user.set_password(password)
    user.save()
    if role is not None:
        user.groups.add(Group.objects.get(name=Role(role).value))
    audit.record(
        action="staff.created", actor=actor, target=user, detail={"role": role, "username": username}
    )
    return user


@transaction.atomic
def password_change(*, user: User, password: str) -> None:
    """Change by the owner, which ends all personal tokens: a person who knew the old password may have made one.

    The caller has checked the old password and the new one's strength.
    """
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    tokens_revoke_all(owner=user, actor=user)
    record_and_tell(action="staff.password_changed", actor=user, target=user)


@transaction.atomic
def email_change(*, user: User, address: str) -> None:
    """By the owner, whose password and second factor the caller has confirmed. The old address is told, then the new.

    Raises ValidationError for what is no address of the bank; empty: there is none from now on.
    """
    if address:
        validate_email(address)
        if not is_banks_address(address):
            raise ValidationError(
                gettext("Use an address of the bank: %(domains)s.")
                % {"domains": ", ".join(settings.NOTICE_EMAIL_DOMAINS)}
            )
    if address == user.email:
        return
    person_tell(action="staff.email_changed", person=user, actor=user)
    user.email = address
    user.save(update_fields=["email"])
    record_and_tell(action="staff.email_changed", actor=user, target=user)


@transaction.atomic
def staff_unlock(*, user: User, actor: models.Model | None = None) -> bool:
    """Clears failed attempts for this name from every address; returns whether there were any."""
    forgotten = reset(username=user.get_username()) + code_failures_forget(user=user)
    if forgotten:
        audit.record(action="staff.unlocked", actor=actor, target=user)
    return bool(forgotten)


@transaction.atomic
def integration_create(*, slug: str, name: str, actor: models.Model | None = None) -> Integration:
    integration = Integration.objects.create(slug=slug, name=name)
    audit.record(action="integration.created", actor=actor, target=integration)
    return integration


@transaction.atomic
def key_create(
    *,
    integration: Integration,
    scopes: Sequence[str] | None = None,
    is_test: bool = False,
    label: str = "",
    networks: Sequence[str] = (),
    rate_per_minute: int | None = None,
    expires_at: datetime | None = None,
    actor: models.Model | None = None,
) -> tuple[ApiKey, str]:
    """The row and the key itself, which is shown once and cannot be read again.

    Without `scopes` it has those of `all_scopes`. What NEEDS_TWO names waits for another admin when an admin made the
    key. Raises TooManyKeys beyond VALID_KEYS_MAX per integration and mode, ValueError for an unknown scope or a
    malformed network.
    """
    _require_room(integration, is_test=is_test)
    prefix = (TEST_MARK if is_test else LIVE_MARK) + secrets.token_hex(6)
    key = f"{prefix}_{secrets.token_urlsafe(32)}"
    maker = actor if isinstance(actor, User) else None
    granted = sorted(Scope(scope).value for scope in scopes) if scopes is not None else all_scopes()
    row = ApiKey.objects.create(
        integration=integration,
        prefix=prefix,
        digest=key_digest(key),
        expires_at=expires_at,
        is_test=is_test,
        label=label,
        scopes=granted,
        rate_per_minute=rate_per_minute,
        networks=[str(ip_network(network, strict=False)) for network in networks],
        created_by=maker,
        rights_wait=maker is not None and settings.ADMIN_ACCESS_NEEDS_TWO and _needs_two(granted, is_test),
    )
    audit.record(action="key.created", actor=actor, target=row, detail=_told(row))
    return row, key


def _needs_two(scopes: Sequence[str], is_test: bool) -> bool:
    return not is_test and not NEEDS_TWO.isdisjoint(scopes)


@transaction.atomic
def key_rights_approve(*, key: ApiKey, actor: User) -> None:
    """From now on the key may erase and fetch pictures, as far as its scopes say: every applicant's, and no one would
    have to confirm it.

    The caller has confirmed the code of the approver's second factor. Raises PermissionDenied, KeyRightsRefused.
    """
    require(actor, Right.MANAGE_INTEGRATIONS)
    row = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    if not row.rights_wait or not row.is_valid:
        raise KeyRightsRefused(gettext("%(key)s does not wait for an approval.") % {"key": row.prefix})
    if row.created_by is not None and (refusal := why_not_approver(proposer=row.created_by, approver=actor)):
        raise KeyRightsRefused(refusal)
    ApiKey.objects.filter(pk=row.pk).update(rights_wait=False)
    audit.record(
        action="key.rights_approved",
        actor=actor,
        target=row,
        detail={"asked_by": str(row.created_by), "scopes": row.scopes},
    )


def _told(key: ApiKey) -> dict[str, object]:
    """What an auditor needs to know of a new key; never its secret."""
    return {
        "integration": key.integration.slug,
        "scopes": key.scopes,
        "networks": key.networks,
        "is_test": key.is_test,
        "rights_wait": key.rights_wait,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


def _require_room(integration: Integration, *, is_test: bool) -> None:
    """Serialises the creation of an integration's keys. Raises TooManyKeys."""
    Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
    now = timezone.now()
    keys = ApiKey.objects.filter(integration=integration, is_test=is_test, revoked_at=None)
    valid = keys.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now)).order_by("created_at")
    prefixes = list(valid.values_list("prefix", flat=True))
    if len(prefixes) >= VALID_KEYS_MAX:
        text = (
            gettext(
                "%(integration)s has %(number)s valid test keys already (%(keys)s): end one of them first."
            )
            if is_test
            else gettext(
                "%(integration)s has %(number)s valid live keys already (%(keys)s): end one of them first."
            )
        )
        names = {"integration": integration.slug, "number": len(prefixes), "keys": ", ".join(prefixes)}
        raise TooManyKeys(text % names)


@transaction.atomic
def key_revoke(*, key: ApiKey, actor: models.Model | None = None) -> None:
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(action="key.revoked", actor=actor, target=key)


@transaction.atomic
def key_rotate(
    *, key: ApiKey, overlap: timedelta = timedelta(hours=24), actor: models.Model | None = None
) -> tuple[ApiKey, str]:
    """A successor with the same rights; the old key ends after `overlap`, or earlier if it would anyway.

    Raises ValueError for a key that is not valid any more, TooManyKeys while an earlier rotation goes on.
    """
    if not key.is_valid:
        raise ValueError(gettext("%(key)s has ended; create a new key instead.") % {"key": key.prefix})
    ends = timezone.now() + overlap
    if key.expires_at is None or key.expires_at > ends:
        ApiKey.objects.filter(pk=key.pk).update(expires_at=ends)
    created = key_create(
        integration=key.integration,
        scopes=key.scopes,
        is_test=key.is_test,
        label=key.label,
        networks=key.networks,
        rate_per_minute=key.rate_per_minute,
        actor=actor,
    )
    audit.record(
        action="key.rotated",
        actor=actor,
        target=key,
        detail={"successor": created[0].prefix} | _told(created[0]),
    )
    return created


@transaction.atomic
def integration_switch(
    *, integration: Integration, is_active: bool, actor: models.Model | None = None
) -> None:
    """Activate or deactivate an integration with all its keys; effective with the next request."""
    if Integration.objects.filter(pk=integration.pk).exclude(is_active=is_active).update(is_active=is_active):
        action = "integration.activated" if is_active else "integration.deactivated"
        audit.record(action=action, actor=actor, target=integration)


LOCK_PERSON = "SELECT id FROM accounts_user WHERE id = %(person)s FOR NO KEY UPDATE"


def person_lock(*, person_id: int) -> bool:
    """Locks this person until the end of the caller's transaction; returns whether they exist."""
    return fetch_one(LOCK_PERSON, {"person": person_id}) is not None
