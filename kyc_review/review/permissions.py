"""Who may look at the queue, who may decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc_review.accounts.models import Role

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def may_read_queue(user: User) -> bool:
    """Facts about waiting items, without the faces."""
    return user.has_role(*Role.values)


def may_decide(user: User) -> bool:
    """Claim, skip, decide. Admins promote models and auditors check people, so neither judges faces."""
    return user.has_role(Role.REVIEWER, Role.SENIOR)


def may_oversee(user: User) -> bool:
    """Look, read-only, at items that somebody else holds."""
    return user.has_role(Role.SENIOR)
