"""Which bundle is in production, and which there are. What takes a viewer checks the right to see retraining."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from kyc_review.core.permissions import may_see_retraining
from kyc_review.registry.models import Bundle, Promotion

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def champion() -> Bundle | None:
    """The serving bundle; one small query, so that a worker can ask before every batch."""
    latest = serving_promotion()
    return latest.bundle if latest else None


def serving_promotion() -> Promotion | None:
    """Which bundle serves and at which operating point; one small query."""
    return Promotion.objects.select_related("bundle").order_by("-pk").first()


def promotion_before() -> Promotion | None:
    """What a rollback returns to: a promotion goes one step up, a rollback one down."""
    path: list[Promotion] = []
    for step in Promotion.objects.select_related("bundle").order_by("pk"):
        if step.kind == Promotion.Kind.PROMOTE:
            path.append(step)
        elif path:
            path.pop()
    return path[-2] if len(path) > 1 else None


def can_one_roll_back() -> bool:
    """Whether one admin alone may go back: the latest change was a promotion, and another bundle served before."""
    latest = serving_promotion()
    return bool(latest and latest.kind == Promotion.Kind.PROMOTE and promotion_before())


def bundles_matching(text: str) -> list[Bundle]:
    """By version, by digest, or by the first eight or more digits of it."""
    found = list(Bundle.objects.filter(version=text))
    if not found and len(text) >= 8:
        found = list(Bundle.objects.filter(digest__startswith=text.lower()))
    return found


def bundles_listed(*, viewer: User) -> QuerySet[Bundle]:
    """Newest first."""
    rows = Bundle.objects.select_related("registered_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def promotions_listed(*, viewer: User) -> QuerySet[Promotion]:
    """Newest first: the first row's bundle serves."""
    rows = Promotion.objects.select_related("bundle", "promoted_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


@dataclass(frozen=True, slots=True)
class Service:
    """A time in production: from a promotion or rollback until the next one; `until` is None while it lasts."""

    step: Promotion
    until: datetime | None


def services_of(*, viewer: User, bundle: Bundle) -> list[Service]:
    """When the bundle was in production, the latest first; changes of its operating point begin a new one."""
    if not may_see_retraining(viewer):
        return []
    steps = list(Promotion.objects.select_related("bundle", "promoted_by").order_by("pk"))
    ends = [*(step.promoted_at for step in steps[1:]), None]
    found = [
        Service(step, until) for step, until in zip(steps, ends, strict=True) if step.bundle_id == bundle.pk
    ]
    return found[::-1]
