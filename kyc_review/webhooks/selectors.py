"""Multi-row reads on webhooks; each takes the viewer. An integration sees its own; a test key, the sandbox's."""

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from kyc_review.accounts.models import Integration, User
from kyc_review.webhooks.models import Delivery, Endpoint
from kyc_review.webhooks.permissions import may_see_webhooks


def endpoints_of(integration: Integration, *, is_test: bool) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(integration=integration, is_test=is_test, deleted_at=None).order_by(
        "created_at", "pk"
    )


def deliveries_of(integration: Integration, *, is_test: bool) -> QuerySet[Delivery]:
    """The newest first, with their events and attempts."""
    mine = endpoints_of(integration, is_test=is_test).filter(pk=OuterRef("endpoint"))
    return (
        Delivery.objects.filter(Exists(mine))
        .select_related("event", "endpoint")
        .prefetch_related("attempts")
        .order_by("-created_at", "-pk")
    )


def endpoints_listed(*, viewer: User) -> QuerySet[Endpoint]:
    """Of all integrations, with `waiting`, `dead` and `delivered_at` of their deliveries."""
    if not may_see_webhooks(viewer):
        return Endpoint.objects.none()
    return (
        Endpoint.objects.filter(deleted_at=None)
        .select_related("integration")
        .annotate(
            waiting=Count("deliveries", filter=Q(deliveries__finished_at=None, deliveries__isnull=False)),
            dead=Count("deliveries", filter=Q(deliveries__state=Delivery.State.DEAD)),
            delivered_at=Max("deliveries__finished_at", filter=Q(deliveries__state=Delivery.State.DELIVERED)),
        )
        .order_by("integration__slug", "created_at", "pk")
    )


def deliveries_listed(*, viewer: User, endpoint: Endpoint) -> QuerySet[Delivery]:
    if not may_see_webhooks(viewer):
        return Delivery.objects.none()
    return (
        endpoint.deliveries.select_related("event")
        .prefetch_related("attempts")
        .order_by("-created_at", "-pk")
    )
