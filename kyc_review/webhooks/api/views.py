from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.authentication import caller_of
from kyc_review.accounts.integrations.idempotency import Answer
from kyc_review.accounts.integrations.idempotent_requests import respond_once
from kyc_review.accounts.models import Scope
from kyc_review.core.api import ApiView, query_params
from kyc_review.core.pagination import invalid_cursor, page_end
from kyc_review.webhooks import replays, services
from kyc_review.webhooks.api import openapi
from kyc_review.webhooks.api.serializers import (
    DeliveriesIn,
    DeliveryOut,
    EndpointChange,
    EndpointIn,
    EndpointOut,
    EventOut,
    EventsIn,
)
from kyc_review.webhooks.feed import events_page
from kyc_review.webhooks.models import Delivery, Endpoint, Event
from kyc_review.webhooks.selectors import deliveries_of, deliveries_page, endpoints_of

MANAGE = Scope.WEBHOOKS_MANAGE


class WebhooksView(ApiView):
    scopes = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), MANAGE)


class EndpointsView(WebhooksView):
    @openapi.list_endpoints
    def get(self, request: Request) -> Response:
        return Response({"data": EndpointOut(endpoints_of(caller_of(request)), many=True).data})

    @openapi.create_endpoint
    def post(self, request: Request) -> Response:
        form = EndpointIn(data=request.data)
        form.is_valid(raise_exception=True)
        caller, said = caller_of(request), form.validated_data

        def act() -> Answer:
            endpoint, secret = services.endpoint_create(
                integration=caller.integration,
                url=said["url"],
                kinds=said.get("events"),
                description=said["description"],
                with_external_ref=said.get("include_external_ref", False),
                is_test=caller.is_test,
                actor=caller.integration,
            )
            return replays.answer_with_secret(endpoint, secret, EndpointOut(endpoint).data)

        def as_of_now(kept: Mapping[str, Any]) -> dict[str, Any]:
            endpoint = replays.endpoint_made(endpoints_of(caller), kept)
            secret = replays.secret_again(endpoint, kept, actor=caller.integration)
            return {**EndpointOut(endpoint).data, "secret": secret}

        return respond_once(request, {"webhook_endpoint": said}, act=act, as_of_now=as_of_now)


class EndpointView(WebhooksView):
    @openapi.retrieve_endpoint
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(EndpointOut(found(request, endpoint_id)).data)

    @openapi.change_endpoint
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        row = found(request, endpoint_id)
        form = EndpointChange(data=request.data)
        form.is_valid(raise_exception=True)
        names = {"events": "kinds", "active": "is_active", "include_external_ref": "with_external_ref"}
        changes: dict[str, Any] = {names.get(k, k): v for k, v in form.validated_data.items()}
        row = services.endpoint_change(endpoint=row, actor=caller_of(request).integration, **changes)
        return Response(EndpointOut(row).data)

    @openapi.delete_endpoint
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        services.endpoint_delete(endpoint=found(request, endpoint_id), actor=caller_of(request).integration)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SecretView(WebhooksView):
    @openapi.rotate_secret
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        row, actor = found(request, endpoint_id), caller_of(request).integration

        def act() -> Answer:
            secret = services.secret_rotate(endpoint=row, actor=actor)
            row.refresh_from_db()
            return replays.answer_with_secret(row, secret, valid_until())

        def as_of_now(kept: Mapping[str, Any]) -> dict[str, Any]:
            return {"secret": replays.secret_again(row, kept, actor=actor), **valid_until()}

        def valid_until() -> dict[str, Any]:
            return {"previous_secret_expires_at": row.previous_secret_expires_at}

        return respond_once(request, {"rotated_secret_of": str(row.pk)}, act=act, as_of_now=as_of_now)


class TrialView(WebhooksView):
    @openapi.send_test
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        row = found(request, endpoint_id)
        delivery = services.send_test_event(endpoint=row, actor=caller_of(request).integration)
        return Response(DeliveryOut(delivery).data, status=status.HTTP_202_ACCEPTED)


class DeliveriesView(WebhooksView):
    query = {"GET": DeliveriesIn}

    @openapi.list_deliveries
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = found(request, endpoint_id)
        asked = query_params(DeliveriesIn, request)
        try:
            rows, has_more = deliveries_page(
                viewer=caller_of(request),
                endpoint=endpoint,
                state=asked["state"],
                after=asked.get("after"),
                limit=asked["limit"],
            )
        except Delivery.DoesNotExist:
            raise invalid_cursor("not one of your deliveries") from None
        return Response({"data": DeliveryOut(rows, many=True).data} | page_end(rows, has_more))


class DeliveryView(WebhooksView):
    @openapi.retrieve_delivery
    def get(self, request: Request, delivery_id: UUID) -> Response:
        row = get_object_or_404(deliveries_of(caller_of(request)), pk=delivery_id)
        return Response(DeliveryOut(row).data)


class ReplayView(WebhooksView):
    @openapi.replay_delivery
    def post(self, request: Request, delivery_id: UUID) -> Response:
        caller = caller_of(request)
        row = get_object_or_404(deliveries_of(caller), pk=delivery_id)
        services.delivery_replay(delivery=row, actor=caller.integration)
        row.refresh_from_db()
        return Response(DeliveryOut(row).data, status=status.HTTP_202_ACCEPTED)


class EventsView(ApiView):
    scopes = {"GET": Scope.SUBMISSIONS_READ}
    query = {"GET": EventsIn}

    @openapi.list_events
    def get(self, request: Request) -> Response:
        asked = query_params(EventsIn, request)
        after = UUID(asked["after"].removeprefix("evt_")) if "after" in asked else None
        try:
            rows, has_more = events_page(viewer=caller_of(request), after=after, limit=asked["limit"])
        except Event.DoesNotExist:
            raise invalid_cursor("not one of your events") from None
        reached = rows[-1].message_id if rows else asked.get("after")
        return Response({"data": EventOut(rows, many=True).data, "has_more": has_more, "next": reached})


def found(request: Request, endpoint_id: UUID) -> Endpoint:
    """Raises Http404, also for rows of another integration or mode."""
    return get_object_or_404(endpoints_of(caller_of(request)), pk=endpoint_id)
