"""People's tokens; every read takes the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from kyc_review.accounts.models import PersonalToken
from kyc_review.core.permissions import may_see_people

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def tokens_listed(*, viewer: User, owner: User) -> QuerySet[PersonalToken]:
    """A person's tokens, newest first, for that person and those who see people; only prefixes are shown."""
    rows = PersonalToken.objects.filter(owner=owner).select_related("owner")
    if viewer.pk != owner.pk and not may_see_people(viewer):
        return rows.none()
    return rows.order_by("-created_at", "-pk").defer("digest")


def tokens_valid(*, viewer: User, owner: User) -> QuerySet[PersonalToken]:
    alive = Q(revoked_at=None, expires_at__gt=timezone.now())
    return tokens_listed(viewer=viewer, owner=owner).filter(alive)
