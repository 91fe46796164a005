"""Multi-row reads on webhooks; each takes the viewer. An integration sees its own; a test key, the sandbox's."""

from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from kyc_review.accounts.models import ApiKey, User
from kyc_review.core.pagination import page_after
from kyc_review.core.permissions import may_see_webhooks
from kyc_review.webhooks.endpoint_health import SWITCHED_OFF_BY_HAND
from kyc_review.webhooks.models import Delivery, Endpoint


def endpoints_of(viewer: ApiKey) -> QuerySet[Endpoint]:
    """A key sees its integration's endpoints of its own mode, live or test, and no others."""
    return Endpoint.objects.filter(
        integration_id=viewer.integration_id, is_test=viewer.is_test, deleted_at=None
    ).order_by("created_at", "pk")


def endpoints_failing_unchecked() -> QuerySet[Endpoint]:
    """Live endpoints that fail, or were switched off because they did: their owner may not know."""
    return Endpoint.objects.filter(is_test=False, deleted_at=None, failing_since__isnull=False).exclude(
        disabled_reason=SWITCHED_OFF_BY_HAND
    )


def latest_endpoint_secret() -> str | None:
    """Of the endpoint that was made last; encrypted with WEBHOOK_SECRETS_KEY."""
    rows = Endpoint.objects.filter(deleted_at=None).order_by("-created_at")
    return rows.values_list("secret", flat=True).first()


def deliveries_of(viewer: ApiKey) -> QuerySet[Delivery]:
    """The newest first, with their events and attempts."""
    return (
        Delivery.objects.filter(endpoint__in=endpoints_of(viewer))
        .select_related("event", "endpoint")
        .prefetch_related("attempts")
        .order_by("-created_at", "-pk")
    )


def deliveries_page(
    *, viewer: ApiKey, endpoint: Endpoint, state: str, after: UUID | None, limit: int
) -> tuple[list[Delivery], bool]:
    """The newest first, those after the delivery `after`, and whether more follow.

    Raises Delivery.DoesNotExist when `after` is none of the viewer's.
    """
    rows = deliveries_of(viewer).filter(endpoint=endpoint)
    if state:
        rows = rows.filter(state=state)
    last = deliveries_of(viewer).get(pk=after) if after is not None else None
    return page_after(rows, by="created_at", after=last, limit=limit)


def endpoints_listed(*, viewer: User) -> QuerySet[Endpoint]:
    """Of all integrations, with `waiting`, `dead` and `delivered_at` of their deliveries."""
    if not may_see_webhooks(viewer):
        return Endpoint.objects.none()
    return (
        Endpoint.objects.filter(deleted_at=None)
        .select_related("integration")
        .annotate(
            waiting=_number(Delivery.State.PENDING, Delivery.State.SENDING),
            dead=_number(Delivery.State.DEAD),
            delivered_at=Subquery(
                _of_endpoint(Delivery.State.DELIVERED).order_by("-finished_at").values("finished_at")[:1]
            ),
        )
        .order_by("integration__slug", "created_at", "pk")
    )


def _of_endpoint(*states: str) -> QuerySet[Delivery]:
    """Each of these is in an index of its state alone, so that what was delivered long ago costs nothing."""
    return Delivery.objects.filter(endpoint=OuterRef("pk"), state__in=states)


def _number(*states: str) -> Coalesce:
    counted = _of_endpoint(*states).order_by().values("endpoint").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


def deliveries_listed(*, viewer: User, endpoint: Endpoint) -> QuerySet[Delivery]:
    if not may_see_webhooks(viewer):
        return Delivery.objects.none()
    return (
        endpoint.deliveries.select_related("event")
        .prefetch_related("attempts")
        .order_by("-created_at", "-pk")
    )
