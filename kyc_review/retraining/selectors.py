"""Reads for the worker and for admins."""

from typing import Any

from django.db.models import Count, QuerySet

from kyc_review.retraining.models import Bundle, Promotion, SnapshotItem
from kyc_review.review.models import Decision


def champion() -> Bundle | None:
    """The serving bundle; one small query, so that a worker can ask before every batch."""
    latest = Promotion.objects.select_related("bundle").order_by("-pk").first()
    return latest.bundle if latest else None


def previous_champion() -> Bundle | None:
    """The bundle that served before the present one and is not it."""
    present = champion()
    if present is None:
        return None
    earlier = Promotion.objects.exclude(bundle=present).select_related("bundle").order_by("-pk").first()
    return earlier.bundle if earlier else None


def label_counts() -> list[dict[str, Any]]:
    """Decisions by label and by the reason that brought the item to a person."""
    rows = Decision.objects.values("label", "item__reason").annotate(count=Count("pk"))
    return list(rows.order_by("label", "item__reason"))


def unused_decisions() -> QuerySet[Decision]:
    """Decisions that no snapshot holds yet."""
    return Decision.objects.exclude(pk__in=SnapshotItem.objects.values("decision"))
