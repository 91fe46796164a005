"""Reads for the worker and for admins."""

from typing import Any

from django.db.models import Count, QuerySet

from kyc_review.retraining.models import Bundle, Promotion, SnapshotItem
from kyc_review.review.models import Decision


def champion() -> Bundle | None:
    """The serving bundle; one small query, so that a worker can ask before every batch."""
    latest = Promotion.objects.select_related("bundle").order_by("-pk").first()
    return latest.bundle if latest else None


def champion_before() -> Bundle | None:
    """The bundle that a rollback returns to: a promotion goes one step up, a rollback one down."""
    path: list[Bundle] = []
    for step in Promotion.objects.select_related("bundle").order_by("pk"):
        if step.kind == Promotion.Kind.PROMOTE:
            path.append(step.bundle)
        else:
            path.pop()
    return path[-2] if len(path) > 1 else None


def bundles_matching(text: str) -> list[Bundle]:
    """By version, by digest, or by the first eight or more digits of it."""
    found = list(Bundle.objects.filter(version=text))
    if not found and len(text) >= 8:
        found = list(Bundle.objects.filter(digest__startswith=text.lower()))
    return found


def label_counts() -> list[dict[str, Any]]:
    """Decisions by label and by the reason that brought the item to a person."""
    rows = Decision.objects.values("label", "item__reason").annotate(count=Count("pk"))
    return list(rows.order_by("label", "item__reason"))


def unused_decisions() -> QuerySet[Decision]:
    """Decisions that no snapshot holds yet."""
    return Decision.objects.exclude(pk__in=SnapshotItem.objects.values("decision"))
