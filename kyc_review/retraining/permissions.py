"""Who may look at retraining, who may freeze and take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc_review.accounts.models import Role

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def may_see_retraining(user: User) -> bool:
    """Counts, snapshots, bundles and who promoted them; no face."""
    return user.has_role(Role.ADMIN, Role.AUDITOR)


def may_freeze(user: User) -> bool:
    """Make snapshots and download them. They hold original images, so nobody else may."""
    return user.has_role(Role.ADMIN)


def may_train(user: User) -> bool:
    """Ask for training runs and cancel them."""
    return user.has_role(Role.ADMIN)


def may_promote(user: User) -> bool:
    """Compare, propose, decide on another admin's proposal, roll back."""
    return user.has_role(Role.ADMIN)
