"""Integrations and keys as the console shows them; each takes the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from kyc_review.accounts.models import ApiKey, Integration
from kyc_review.core.permissions import may_manage_integrations, may_see_integrations

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def integrations_listed(*, viewer: User) -> QuerySet[Integration]:
    """All, with the number of their valid keys and their keys' last use."""
    if not may_see_integrations(viewer):
        return Integration.objects.none()
    unended = Q(keys__expires_at=None) | Q(keys__expires_at__gt=timezone.now())
    return Integration.objects.annotate(
        valid_keys=Count("keys", filter=Q(keys__revoked_at=None) & unended),
        last_used_at=Max("keys__last_used_at"),
    ).order_by("slug")


def keys_listed(*, viewer: User, integration: Integration) -> QuerySet[ApiKey]:
    """Its keys, the newest first; never more of a key than its prefix."""
    if not may_see_integrations(viewer):
        return ApiKey.objects.none()
    return integration.keys.select_related("created_by").order_by("-created_at", "-pk").defer("digest")


def rights_waiting(*, viewer: User) -> QuerySet[ApiKey]:
    """Valid keys of which another admin has to approve that they may erase or fetch pictures."""
    if not may_manage_integrations(viewer):
        return ApiKey.objects.none()
    unended = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows = ApiKey.objects.filter(unended, rights_wait=True, revoked_at=None).exclude(created_by=viewer)
    return rows.select_related("created_by", "integration").order_by("pk")
