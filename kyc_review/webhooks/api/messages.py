"""How the OpenAPI document describes the messages that this server sends to endpoints."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from kyc_review.webhooks.api.serializers import EventDataOut
from kyc_review.webhooks.models import Kind

SIGNED = (
    "Signed by the Standard Webhooks specification: the headers `webhook-id`, `webhook-timestamp` and "
    "`webhook-signature`. Verify them on the raw bytes before you read the body; the same `webhook-id` may arrive "
    "twice. Answer 2xx within 15 seconds."
)
DATA = {
    "id": "0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10",
    "status": "completed",
    "result": "clear",
    "reason": "reviewer_found_genuine",
    "checks": [],
    "is_test": False,
}
FACTS: dict[Kind, dict[str, Any]] = {
    Kind.CLEARED: DATA | {"reason": "models_agree"},
    Kind.QUEUED: DATA | {"status": "in_review", "result": None, "reason": None},
    Kind.COMPLETED: DATA,
    Kind.OVERTURNED: DATA | {"result": "rejected", "reason": "reviewer_found_forged"},
    Kind.APPEAL_DECIDED: DATA,
    Kind.RESUBMIT_REQUESTED: DATA | {"result": "resubmit", "reason": "blurred", "checks": ["blurred"]},
    Kind.ERASED: DATA,
    Kind.DISABLED: DATA
    | {
        "id": "5d0b1f0e-8f5e-4a55-9c0f-2d5e1d0a6b11",
        "status": "disabled",
        "result": None,
        "reason": "only_failed",
    },
    Kind.TEST: {"endpoint": "5d0b1f0e-8f5e-4a55-9c0f-2d5e1d0a6b11", "is_test": True},
}


class WebhookData(EventDataOut):
    external_ref = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Your reference, where the endpoint has `include_external_ref`; null once it was erased.",
    )


class WebhookMessage(serializers.Serializer):
    """The body of a message about a submission or, of `endpoint.disabled`, about another endpoint of yours.

    It names no person; read the rest with your key.
    """

    type = serializers.CharField(help_text="Which event it is, as `events` of an endpoint names it.")
    timestamp = serializers.DateTimeField()
    data = WebhookData()  # type: ignore[assignment]


class WebhookTestData(serializers.Serializer):
    endpoint = serializers.UUIDField()
    is_test = serializers.BooleanField()


class WebhookTestMessage(serializers.Serializer):
    """The body of `webhook.test`."""

    type = serializers.CharField()
    timestamp = serializers.DateTimeField()
    data = WebhookTestData()  # type: ignore[assignment]


def _message(kind: Kind) -> OpenApiWebhook:
    body = {"type": kind.value, "timestamp": "2026-11-21T09:30:01.000+00:00", "data": FACTS[kind]}
    name = kind.value.replace(".", "_")
    return OpenApiWebhook(
        name=kind.value,
        decorator=extend_schema(
            operation_id=f"receive_{name}",
            summary=str(kind.label),
            description=SIGNED,
            tags=[
                "messages"
            ],  # generators put each tag into a file of its own, and webhooks into that of their tag
            request=WebhookTestMessage if kind == Kind.TEST else WebhookMessage,
            examples=[OpenApiExample(kind.value, value=body)],
            responses={
                204: OpenApiResponse(description="Received; any other 2xx will do."),
                410: OpenApiResponse(description="Switches the endpoint off."),
            },
        ),
    )


CLEARED = _message(Kind.CLEARED)
QUEUED = _message(Kind.QUEUED)
COMPLETED = _message(Kind.COMPLETED)
OVERTURNED = _message(Kind.OVERTURNED)
APPEAL_DECIDED = _message(Kind.APPEAL_DECIDED)
RESUBMIT_REQUESTED = _message(Kind.RESUBMIT_REQUESTED)
ERASED = _message(Kind.ERASED)
DISABLED = _message(Kind.DISABLED)
TEST = _message(Kind.TEST)
