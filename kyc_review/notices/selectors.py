"""Channels and what was sent by them, for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Max, Q, QuerySet

from kyc_review.core.permissions import may_see_retraining
from kyc_review.notices.models import ACCOUNT_KINDS, Channel, NoticeDelivery

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

State = NoticeDelivery.State


def channels_listed(*, viewer: User) -> QuerySet[Channel]:
    """The viewer's own and shared ones, with `waiting`, `dead` and `delivered_at` of their deliveries."""
    if not may_see_retraining(viewer):
        return Channel.objects.none()
    return (
        Channel.objects.filter(Q(owner=viewer) | Q(owner=None), deleted_at=None)
        .exclude(kinds=ACCOUNT_KINDS)
        .annotate(
            waiting=Count("deliveries", filter=Q(deliveries__state__in=[State.PENDING, State.SENDING])),
            dead=Count("deliveries", filter=Q(deliveries__state=State.DEAD)),
            delivered_at=Max("deliveries__finished_at", filter=Q(deliveries__state=State.DELIVERED)),
        )
        .order_by("owner", "created_at", "pk")
    )


def deliveries_listed(*, viewer: User, channel: Channel) -> QuerySet[NoticeDelivery]:
    """Of a channel that the viewer sees, newest first."""
    rows = NoticeDelivery.objects.filter(channel=channel).select_related("notice").order_by("-pk")
    return rows if channels_listed(viewer=viewer).filter(pk=channel.pk).exists() else rows.none()
