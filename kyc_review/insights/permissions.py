"""Who may read numbers, histories and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc_review.accounts.models import Role

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def may_see_insights(user: User) -> bool:
    """The dashboard, the search and submissions' histories. Reviewers do not: histories would give calibration away."""
    return user.has_role(Role.SENIOR, Role.ADMIN, Role.AUDITOR)


def may_see_faces(user: User) -> bool:
    """Any submission's picture, outside of the queue. Admins keep models and people, which needs no faces."""
    return user.has_role(Role.SENIOR, Role.AUDITOR)


def may_read_audit(user: User) -> bool:
    return user.has_role(Role.ADMIN, Role.AUDITOR)


def may_erase(user: User) -> bool:
    """Delete an applicant's picture and references for ever."""
    return user.has_role(Role.ADMIN)
