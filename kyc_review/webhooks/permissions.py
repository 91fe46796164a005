"""Who may look at the integrations' webhooks, and who may change and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc_review.accounts.models import Role

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def may_see_webhooks(user: User) -> bool:
    return user.has_role(Role.ADMIN, Role.AUDITOR)


def may_manage_webhooks(user: User) -> bool:
    return user.has_role(Role.ADMIN)
