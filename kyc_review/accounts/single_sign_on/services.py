"""People by the claims of the identity provider: who they are, and which roles they have from this login on."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from kyc_review.accounts.account_notices import record_and_tell
from kyc_review.accounts.models import Identity, User
from kyc_review.accounts.people.admin_requests import (
    directory_request_open,
    directory_request_withdraw,
)
from kyc_review.accounts.people.work import work_release
from kyc_review.accounts.services import roles_ensure
from kyc_review.accounts.single_sign_on.client import Answer, LoginRefused, claim
from kyc_review.accounts.user_names import user_name_check
from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.permissions import ROLES_WITH, Right, Role

BY = "single_sign_on"
FIRST_LOGIN_LOCK = (
    0x6B79_7373_6F  # "kysso": two first logins of one person at the same moment make one account
)
# Admins and auditors check those who decide on faces, so no person is both.
TOGETHER = ({Role.REVIEWER, Role.SENIOR}, {Role.ADMIN}, {Role.AUDITOR})
NO_ROLE = gettext_lazy(
    "You are known, but none of your groups has access here. Ask the administrators of your directory."
)
MIXED = gettext_lazy(
    "Your groups give roles that one person must not hold together: %(roles)s. Ask the administrators of your "
    "directory."
)
NAME_TAKEN = gettext_lazy(
    "There is an account %(name)s here, and it is not connected to your login. If it is yours, log in with its "
    "password and connect it on your account page, or ask the operator for `manage.py staff connect`."
)
# The other's name is not told: it may be a colleague's.
LOOKS_LIKE = gettext_lazy(
    "The name %(wanted)s looks like that of another account here, now or before, so you got no account. Ask the "
    "operator for `manage.py staff add` with another name and `manage.py staff connect`."
)
NO_NAME = gettext_lazy(
    "The identity provider gives no name that can be used here. Ask the operator for %(claim)s."
)
INACTIVE = gettext_lazy("Your account here is deactivated. Ask an administrator.")
ADMIN_WAITS = gettext_lazy("An admin must approve that you become one. Ask an admin, then log in again.")
TAKEN_BY_OTHER = gettext_lazy("This login is connected to another account already.")


@transaction.atomic
def person_admit(*, answer: Answer) -> tuple[User, LoginRefused | None]:
    """The person, and why they are not let in all the same; None if they are.

    Roles follow the claims at every login, also when that takes the last one away. Raises LoginRefused where nothing
    was changed.
    """
    roles = _roles(answer)
    identity = _identity(answer)
    if identity is None:
        lock_for_transaction(FIRST_LOGIN_LOCK)
        identity = _identity(answer)
    person = identity.user if identity else _person_create(answer, roles)
    if not person.is_active:
        raise LoginRefused("inactive", str(INACTIVE))
    _names_follow(person, answer.claims)
    refusal = _refusal(roles)
    held = _roles_follow(person, set() if refusal else roles)
    if not refusal and not held:
        return person, LoginRefused("admin_waits", str(ADMIN_WAITS))
    return person, refusal


@transaction.atomic
def identity_connect(*, user: User, subject: str, actor: User | None) -> Identity:
    """From now on the person logs in as this subject, too. Raises LoginRefused when either is connected already."""
    if Identity.objects.filter(issuer=settings.OIDC_ISSUER, subject=subject).exclude(user=user).exists():
        raise LoginRefused("identity_taken", str(TAKEN_BY_OTHER))
    row, is_new = Identity.objects.get_or_create(
        user=user, defaults={"issuer": settings.OIDC_ISSUER, "subject": subject}
    )
    if (row.issuer, row.subject) != (settings.OIDC_ISSUER, subject):
        raise LoginRefused("identity_taken", gettext("Your account is connected to another login already."))
    if is_new:
        detail = {"issuer": row.issuer, "subject": row.subject}
        record_and_tell(action="staff.identity_connected", actor=actor, target=user, detail=detail)
    return row


@transaction.atomic
def identity_disconnect(*, user: User) -> bool:
    """By the operator; whether there was one. Without a password the person cannot log in any more."""
    row = Identity.objects.filter(user=user).first()
    if row is None:
        return False
    row.delete()
    detail = {"issuer": row.issuer, "subject": row.subject}
    audit.record(action="staff.identity_disconnected", target=user, detail=detail)
    return True


def _identity(answer: Answer) -> Identity | None:
    rows = Identity.objects.select_for_update(of=("self",)).select_related("user")
    return rows.filter(issuer=settings.OIDC_ISSUER, subject=answer.subject).first()


def _roles(answer: Answer) -> set[Role]:
    said = claim(answer.claims, settings.OIDC_ROLES_CLAIM)
    values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    names = {value for value in values if isinstance(value, str)}
    return {Role(settings.OIDC_ROLES[name]) for name in names if name in settings.OIDC_ROLES}


def _refusal(roles: set[Role]) -> LoginRefused | None:
    if not roles:
        return LoginRefused("no_role", str(NO_ROLE))
    if not any(roles <= allowed for allowed in TOGETHER):
        labels = ", ".join(sorted(str(role.label) for role in roles))
        return LoginRefused("mixed_roles", MIXED % {"roles": labels})
    return None


def _person_create(answer: Answer, roles: set[Role]) -> User:
    """Without a password. Never an existing account: a name or a mail address proves nothing."""
    if refusal := _refusal(roles):
        raise refusal
    name = str(claim(answer.claims, settings.OIDC_USERNAME_CLAIM) or "")[:150]
    try:
        user_name_check(name)
    except ValidationError as error:
        if User.objects.filter(username__iexact=name).exists():
            raise LoginRefused("name_taken", NAME_TAKEN % {"name": name}) from error
        if error.code == "looks_like":
            raise LoginRefused("name_looks_like_another", LOOKS_LIKE % {"wanted": name}) from error
        raise LoginRefused("no_name", NO_NAME % {"claim": settings.OIDC_USERNAME_CLAIM}) from error
    roles_ensure()
    person = User(username=name)
    person.set_unusable_password()
    person.save()
    detail = {
        "role": None,
        "username": name,
        "by": BY,
        "issuer": settings.OIDC_ISSUER,
        "subject": answer.subject,
    }
    audit.record(action="staff.created", target=person, detail=detail)
    Identity.objects.create(user=person, issuer=settings.OIDC_ISSUER, subject=answer.subject)
    return person


def _names_follow(person: User, claims: dict[str, Any]) -> None:
    """What pages show, and where mails go; nothing is decided by it."""
    said = {"first_name": claims.get("given_name"), "last_name": claims.get("family_name")}
    if claims.get("email_verified") is not False and _is_address(claims.get("email")):
        said["email"] = claims["email"]
    texts = {
        field: re.sub(r"[\x00-\x1f\x7f-\x9f]", "", value)[:150]
        for field, value in said.items()
        if isinstance(value, str)
    }
    changed = {field: text for field, text in texts.items() if text and text != getattr(person, field)}
    if changed:
        before = person.get_full_name()
        User.objects.filter(pk=person.pk).update(**changed)
        person.refresh_from_db(fields=list(changed))
        if before not in ("", person.get_full_name()):
            detail = {"before": before, "after": person.get_full_name(), "by": BY}
            audit.record(action="staff.renamed", target=person, detail=detail)


def _is_address(text: Any) -> bool:
    try:
        validate_email(text)
    except (ValidationError, TypeError):
        return False
    return len(text) <= 150


def _roles_follow(person: User, wanted: set[Role]) -> set[Role]:
    """Sets the roles. That of an admin, to a person who is none yet, only after another admin has approved it."""
    before = set(person.groups.values_list("name", flat=True))
    after = set(wanted)
    if Role.ADMIN in wanted and Role.ADMIN not in before and settings.ADMIN_ACCESS_NEEDS_TWO:
        directory_request_open(person=person)
        after.discard(Role.ADMIN)
    elif Role.ADMIN not in wanted:
        directory_request_withdraw(person=person)
    if before == after:
        return after
    person.groups.set(Group.objects.filter(name__in=[role.value for role in after]))
    decides = ROLES_WITH[Right.DECIDE]
    released = work_release(holder=person) if before & decides and not after & decides else 0
    detail = {
        "before": sorted(before),
        "after": ", ".join(sorted(role.value for role in after)),
        "claims_released": released,
        "by": BY,
    }
    record_and_tell(action="staff.role_changed", target=person, detail=detail)
    return after
