"""The common OpenAPI description of the retraining endpoints."""

from typing import Any

from drf_spectacular.utils import extend_schema

from kyc_review.core.openapi import MALFORMED, error_responses, response_header

SNAPSHOT, BUNDLE = "autumn", "3f0c" + "9d2a71b4" * 7 + "00ff"
GONE = "There is none with this name or number."
APPROVAL_REFUSED = (
    "By token, unless `APPROVER_SECOND_FACTOR` is false (`approval_by_token`): approve on the page. Or the owner's "
    "role, or a token that only reads, does not allow this; `detail` says which."
)
BODY = {"e400": MALFORMED, "e413": "Too large.", "e415": "Not JSON."}


def describe_endpoint(operation: str, summary: str, description: str = "", **more: Any) -> Any:
    """Describes an endpoint for personal tokens, with its own tag."""
    responses, described = more.pop("responses"), more.pop("described", {})
    described = {
        "e401": "The personal token is missing, unknown, expired or revoked, or its owner has left.",
        "e403": "The owner's role, or a token that only reads, does not allow this; `detail` says which.",
    } | described
    return extend_schema(
        operation_id=operation,
        summary=summary,
        description=description or None,
        tags=["retraining"],
        responses=responses | error_responses(**described),
        **more,
    )


def listing(operation: str, summary: str, form: Any, shown: Any, description: str = "") -> Any:
    """Describes an endpoint that returns pages of `shown`, filtered by `form`."""
    return describe_endpoint(
        operation,
        summary,
        f"{description} Newest first. Continue with `after` set to `next` while `has_more` is true.".strip(),
        parameters=[form],
        responses={200: shown},
        described={"e400": MALFORMED},
    )


def location(status: int) -> Any:
    """The header `Location` of a response with this status."""
    return response_header("Location", "Address of its state.", status)
