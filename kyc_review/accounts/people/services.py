"""Administration of accounts. Admins cannot lock themselves out, and one active admin always remains.

Without an actor it is the operator, by `manage.py staff`.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext

from kyc_review.accounts.account_notices import record_and_tell
from kyc_review.accounts.models import User
from kyc_review.accounts.people.work import work_release
from kyc_review.accounts.services import staff_create
from kyc_review.accounts.tokens.services import tokens_revoke_all
from kyc_review.accounts.user_names import user_name_check
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import ROLES_WITH, Right, Role

if TYPE_CHECKING:
    from django.db import models

# Letters and digits that are not easily confused.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class PeopleRefused(DomainError):
    """Nothing was changed; `detail` says why, for people."""


def password_new() -> str:
    """Four groups of four, 79 random bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


@transaction.atomic
def person_create(
    *, username: str, role: str | None, first_name: str = "", last_name: str = "", actor: models.Model
) -> tuple[User, str]:
    """The person and an initial password, which is shown once and must be changed at the first login."""
    password = password_new()
    person = staff_create(username=username, password=password, role=role, first_name=first_name, actor=actor)
    person.last_name, person.must_change_password = last_name, True
    person.save(update_fields=["last_name", "must_change_password"])
    return person, password


@transaction.atomic
def password_reissue(*, person: User, actor: models.Model | None) -> str:
    """A new password, shown once, to be changed at the next login; all sessions and tokens end. Raises
    PeopleRefused."""
    _refuse_self(person, actor, "Change your own password on your account page.")
    password = password_new()
    person.set_password(password)
    person.must_change_password = True
    person.save(update_fields=["password", "must_change_password"])
    tokens_revoke_all(owner=person, actor=actor)
    record_and_tell(action="staff.password_reissued", actor=actor, target=person)
    return password


@transaction.atomic
def role_change(*, person: User, role: str, actor: models.Model | None) -> bool:
    """One role each; whether it changed. People who may no longer decide lose their claims. Raises PeopleRefused,
    ValueError."""
    wanted = Role(role)
    _refuse_self(person, actor, "You cannot change your own role; ask another admin.")
    before = sorted(person.groups.values_list("name", flat=True))
    if before == [wanted]:
        return False
    if wanted is not Role.ADMIN:
        _keep_an_admin(person)
    person.groups.set([Group.objects.get(name=wanted.value)])
    released = work_release(holder=person) if wanted not in ROLES_WITH[Right.DECIDE] else 0
    detail = {"before": before, "after": wanted.value, "claims_released": released}
    record_and_tell(action="staff.role_changed", actor=actor, target=person, detail=detail)
    return True


@transaction.atomic
def person_rename(*, person: User, username: str) -> bool:
    """By the operator; whether it changed. Events of before keep the name of then. Raises ValidationError."""
    before = person.username
    if username == before:
        return False
    user_name_check(username, of=person)
    person.username = username
    person.save(update_fields=["username"])
    detail = {"before": before, "after": username, "username": username}
    record_and_tell(action="staff.renamed", target=person, detail=detail)
    return True


@transaction.atomic
def person_deactivate(*, person: User, actor: models.Model | None) -> int:
    """Ends sessions and tokens and returns claimed items to the queue; returns the number of items."""
    _refuse_self(person, actor, "You cannot deactivate yourself; ask another admin.")
    _keep_an_admin(person)
    if not User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        return 0
    tokens_revoke_all(owner=person, actor=actor)
    released = work_release(holder=person)
    record_and_tell(
        action="staff.deactivated", actor=actor, target=person, detail={"claims_released": released}
    )
    return released


@transaction.atomic
def person_activate(*, person: User, actor: models.Model | None) -> bool:
    """Whether it was not active."""
    if not User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        return False
    record_and_tell(action="staff.activated", actor=actor, target=person)
    return True


def _refuse_self(person: User, actor: models.Model | None, why: str) -> None:
    if actor is not None and person.pk == actor.pk:
        raise PeopleRefused(why)


def _keep_an_admin(person: User) -> None:
    """If two admins remove each other concurrently, the second waits here and then is the last one."""
    Group.objects.select_for_update().get(name=Role.ADMIN.value)
    admins = User.objects.filter(is_active=True, groups__name=Role.ADMIN.value)
    if admins.filter(pk=person.pk).exists() and not admins.exclude(pk=person.pk).exists():
        raise PeopleRefused(gettext("The last active admin cannot be removed."))
