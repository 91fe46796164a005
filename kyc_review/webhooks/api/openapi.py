"""OpenAPI descriptions of the webhook endpoints."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from kyc_review.core.openapi import (
    ABOUT_KEY,
    KEY_REUSED,
    error_responses,
    idempotency_header,
    replayed_header,
)
from kyc_review.webhooks.api.serializers import (
    DeliveriesIn,
    DeliveriesOut,
    DeliveryOut,
    EndpointChange,
    EndpointIn,
    EndpointOut,
    EndpointsOut,
    EndpointWithSecretOut,
    EventsIn,
    EventsOut,
    SecretOut,
)

TAGS = ["webhooks"]
NOT_YOURS = "No such endpoint, or it belongs to another integration."
NO_DELIVERY = "No such delivery, or it belongs to another integration."
NOT_ALLOWED = "The URL may not be used: not https, or not on the public internet."
TEXT = {"e415": "Not JSON."}
ONCE = [idempotency_header(required=False), replayed_header(201)]
SHOWN_AGAIN = (
    "Repeated with the same Idempotency-Key it is shown again, as long as it is the endpoint's; afterwards the answer "
    "is 410 `secret_replaced`."
)


NEW = OpenApiExample("All events", value={"url": "https://onboarding.bank.example/kyc"}, request_only=True)
list_endpoints = extend_schema(
    operation_id="list_webhook_endpoints",
    summary="List your webhook endpoints",
    tags=TAGS,
    responses={200: EndpointsOut} | error_responses(),
)
create_endpoint = extend_schema(
    operation_id="create_webhook_endpoint",
    summary="Register a webhook endpoint",
    description="The answer has the secret that signs every message. It cannot be read later. A live key's endpoints "
    f"receive events of live submissions, a test key's of the sandbox. {SHOWN_AGAIN}",
    tags=TAGS,
    parameters=ONCE,
    request=EndpointIn,
    examples=[NEW],
    responses={201: EndpointWithSecretOut}
    | error_responses(
        e409=f"You have twenty endpoints already, or one with this URL. {ABOUT_KEY}",
        e410="A repetition, and the endpoint was deleted or its secret replaced meanwhile.",
        e422=f"{NOT_ALLOWED} {KEY_REUSED}",
        **TEXT,
    ),
)
retrieve_endpoint = extend_schema(
    operation_id="retrieve_webhook_endpoint",
    summary="Read a webhook endpoint",
    tags=TAGS,
    responses={200: EndpointOut} | error_responses(e404=NOT_YOURS),
)
change_endpoint = extend_schema(
    operation_id="change_webhook_endpoint",
    summary="Change a webhook endpoint",
    description="Also switches it on again after it answered 410 or only failed for three days.",
    tags=TAGS,
    request=EndpointChange,
    responses={200: EndpointOut}
    | error_responses(e404=NOT_YOURS, e409="Another one has this URL.", e422=NOT_ALLOWED, **TEXT),
)
delete_endpoint = extend_schema(
    operation_id="delete_webhook_endpoint",
    summary="Delete a webhook endpoint",
    tags=TAGS,
    responses={204: OpenApiResponse(description="Deleted.")} | error_responses(e404=NOT_YOURS),
)
rotate_secret = extend_schema(
    operation_id="rotate_webhook_secret",
    summary="Rotate an endpoint's secret",
    description="For 24 hours every message carries two signatures, of the new secret and of the previous one. "
    f"{SHOWN_AGAIN}",
    tags=TAGS,
    parameters=ONCE,
    request=None,
    responses={201: SecretOut}
    | error_responses(
        e404=NOT_YOURS,
        e409=ABOUT_KEY,
        e410="A repetition, and the secret was replaced meanwhile.",
        e422=KEY_REUSED,
    ),
)
send_test = extend_schema(
    operation_id="send_test_webhook",
    summary="Send a test event",
    description="Queues a `webhook.test` for this endpoint; read the delivery to see what came back.",
    tags=TAGS,
    request=None,
    responses={202: DeliveryOut} | error_responses(e404=NOT_YOURS, e409="The endpoint is switched off."),
)
list_deliveries = extend_schema(
    operation_id="list_webhook_deliveries",
    summary="Read an endpoint's delivery log",
    description="Newest first, with every attempt.",
    tags=TAGS,
    parameters=[DeliveriesIn],
    responses={200: DeliveriesOut} | error_responses(e404=NOT_YOURS),
)
retrieve_delivery = extend_schema(
    operation_id="retrieve_webhook_delivery",
    summary="Read a delivery",
    tags=TAGS,
    responses={200: DeliveryOut} | error_responses(e404=NO_DELIVERY),
)
replay_delivery = extend_schema(
    operation_id="replay_webhook_delivery",
    summary="Send a delivery again",
    description="With the same `webhook-id`, for up to three days.",
    tags=TAGS,
    request=None,
    responses={202: DeliveryOut}
    | error_responses(e404=NO_DELIVERY, e409="It is already in progress, or the endpoint is switched off."),
)
list_events = extend_schema(
    operation_id="list_events",
    summary="Poll the events",
    description="What webhooks tell, with the same ids and bodies (but `external_ref`, which only endpoints can ask "
    "for), for those who poll or have missed messages; oldest first, with or without endpoints. Keep `next` and send "
    "it as `after`. An event appears within seconds of its change, and no event ever appears before one that you have "
    "read.",
    tags=TAGS,
    parameters=[EventsIn],
    responses={200: EventsOut} | error_responses(),
)
