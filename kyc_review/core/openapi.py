"""Shared OpenAPI descriptions: errors, examples, headers."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from kyc_review.core.problems import CONTENT_TYPE

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
