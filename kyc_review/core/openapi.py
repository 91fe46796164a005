"""Shared OpenAPI descriptions: errors, examples, headers."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from kyc_review.core.problems import CONTENT_TYPE
from kyc_review.core.serializers import StrictSerializer

MALFORMED = "A field or parameter is missing, unknown or invalid; `errors` names each."


class ProblemErrorOut(serializers.Serializer):
    """What one field of the body or one query parameter has wrong."""

    pointer = serializers.CharField(
        required=False, help_text="JSON pointer (RFC 6901) to the field of the body, such as `#/image`."
    )
    parameter = serializers.CharField(required=False, help_text="The query parameter's name.")
    detail = serializers.CharField()


class ProblemOut(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField(required=False, help_text="State it in support requests.")
    # The name is the RFC's; a serializer's own `errors` is not asked for, nothing is validated with this one.
    errors = ProblemErrorOut(many=True, required=False)  # type: ignore[assignment]


def problem(description: str) -> OpenApiResponse:
    return OpenApiResponse(ProblemOut, description=description)


def error_responses(**described: str) -> dict[Any, OpenApiResponse]:
    """error_responses(e404="No such submission.") and what every endpoint may answer."""
    everywhere = {
        "e400": MALFORMED,
        "e401": "The API key is missing, unknown, expired, revoked or not for this address.",
        "e403": "The key lacks the scope.",
        "e405": "Method not allowed.",
        "e429": "Too many requests for this key; `Retry-After` says when to retry.",
        "e500": "Internal error; the request was not accepted.",
    }
    found = everywhere | described
    return {(int(name[1:]), CONTENT_TYPE): problem(text) for name, text in sorted(found.items())}


def example(name: str, value: Any, *, is_request: bool = False, **more: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=is_request, response_only=not is_request, **more)


def request_header(name: str, description: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, required=required, description=description
    )


def response_header(name: str, description: str, status: int) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, response=[status], description=description
    )


def idempotency_header(*, required: bool) -> OpenApiParameter:
    optional = "" if required else " Without it a repetition acts again."
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        OpenApiParameter.HEADER,
        required=required,
        description="A unique value for each new request, such as a UUID; use the same value to repeat a request. Kept "
        f"for 24 hours. A repetition answers with the present state of what the first request made.{optional}",
        examples=[OpenApiExample("A UUID", value="7c1b3c0e-2a52-4c3f-9a0b-0d7c8b1f6a11")],
    )


def replayed_header(status: int) -> OpenApiParameter:
    return response_header("Idempotent-Replayed", "`true`: this is a repeated answer for the key.", status)


ABOUT_KEY = "A request with this Idempotency-Key is still being processed."
KEY_REUSED = "The Idempotency-Key was used for another request."
STAFF_PATHS = ("/api/v1/retraining/", "/api/v1/records/")


def for_integrations(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """The endpoints of docs/openapi.yaml; an integrator's client needs nothing of the bank's own people."""
    return [one for one in endpoints if not one[0].startswith(STAFF_PATHS)]


def for_staff(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """The endpoints of docs/openapi-staff.yaml."""
    return [one for one in endpoints if one[0].startswith(STAFF_PATHS)]


def with_signatures(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds to each webhook what drf-spectacular cannot describe: its headers, and that no key comes with it."""
    headers = {
        "webhook-id": "The event's id, the same in every attempt.",
        "webhook-timestamp": "When it was sent, in seconds since 1970; refuse what is older than five minutes.",
        "webhook-signature": "One or two of `v1,` and the base64 of an HMAC-SHA256, separated by a space.",
    }
    for message in result.get("webhooks", {}).values():
        message["post"]["security"] = []
        message["post"]["parameters"] = [
            {
                "name": name,
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "description": text,
            }
            for name, text in headers.items()
        ]
    return result


def with_closed_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Says of each body of which unknown fields are refused that it takes no others."""
    schemas = result["components"]["schemas"]
    for form in _subclasses(StrictSerializer):
        for name in (f"{form.__name__}Request", f"Patched{form.__name__}Request"):
            if name in schemas:
                schemas[name]["additionalProperties"] = False
    return result


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def without_empty_defaults(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Removes `default: ''`: an empty text is no value of an enum or of a text with a length, and generators that see a
    default make the field required. Left out means the same.
    """
    _drop_empty_defaults(result)
    return result


def _drop_empty_defaults(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("default") == "" and ("type" in part or "$ref" in part or "allOf" in part):
            del part["default"]
        for inner in part.values():
            _drop_empty_defaults(inner)
    elif isinstance(part, list):
        for inner in part:
            _drop_empty_defaults(inner)
