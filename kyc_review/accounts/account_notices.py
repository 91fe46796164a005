"""What a person is told, by e-mail, of their own account: each change through which somebody else could come in.

`notices` sends it and registers here, so that accounts need not know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core.stored_texts import stored

if TYPE_CHECKING:
    from django.db import models

    from kyc_review.accounts.models import User

# The event and what is told of it.
TOLD: Mapping[str, str] = {
    "staff.activated": stored(gettext_noop("Your account was activated again")),
    "staff.break_glass_issued": stored(gettext_noop("The operator made an emergency link for your account")),
    "staff.deactivated": stored(gettext_noop("Your account was deactivated")),
    "staff.email_changed": stored(gettext_noop("The e-mail address of your account was changed")),
    "staff.identity_connected": stored(
        gettext_noop("Your account was connected to a login at the identity provider")
    ),
    "staff.locked_out": stored(gettext_noop("Logins with your name were locked after wrong passwords")),
    "staff.passkey_added": stored(gettext_noop("A passkey was added to your account")),
    "staff.passkey_cloned": stored(gettext_noop("A copy of a passkey of your account was refused")),
    "staff.passkey_removed": stored(gettext_noop("A passkey was removed from your account")),
    "staff.password_changed": stored(gettext_noop("Your password was changed")),
    "staff.password_reissued": stored(gettext_noop("An administrator set a new password for your account")),
    "staff.recovery_codes_renewed": stored(gettext_noop("Your recovery codes were renewed")),
    "staff.renamed": stored(gettext_noop("Your user name was changed")),
    "staff.role_changed": stored(gettext_noop("Your role was changed")),
    "staff.second_factor_ended": stored(
        gettext_noop("Two-factor authentication of your account was turned off")
    ),
    "staff.second_factor_enrolled": stored(gettext_noop("An authenticator app was set up for your account")),
    "staff.second_factor_reset": stored(gettext_noop("Your second factor was reset")),
}
BY_OTHER = stored(gettext_noop("%(person)s did it."))
NOT_YOU = stored(gettext_noop("If you did not expect this, tell an administrator at once."))

_tellers: list[Callable[..., object]] = []


def account_teller(tell: Callable[..., object]) -> None:
    """Register a function that takes `person`, `title`, `text`, and sends them to the person's address."""
    if tell not in _tellers:
        _tellers.append(tell)


def record_and_tell(
    *, action: str, target: User, actor: models.Model | None = None, detail: dict[str, Any] | None = None
) -> None:
    """An event of the audit log, and a notice to the person, in the caller's transaction."""
    audit.record(action=action, actor=actor, target=target, detail=detail)
    person_tell(action=action, person=target, actor=actor)


def person_tell(*, action: str, person: User, actor: models.Model | None = None) -> None:
    by_other = actor is not None and actor.pk != person.pk
    text = f"{BY_OTHER % {'person': actor}} {NOT_YOU}" if by_other else NOT_YOU
    for tell in _tellers:
        tell(person=person, title=TOLD[action], text=text)
