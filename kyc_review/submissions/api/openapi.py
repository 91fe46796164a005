"""How the OpenAPI document describes the endpoints: every answer, every error, examples."""

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from detection.decoding import ACCEPTED
from kyc_review.core.openapi import (
    ABOUT_KEY,
    KEY_REUSED,
    MALFORMED,
    error_responses,
    example,
    idempotency_header,
    replayed_header,
    request_header,
    response_header,
)
from kyc_review.submissions.api.incoming import BatchIn, LateOutcomeIn, ListIn, SubmissionForm, SubmissionJson
from kyc_review.submissions.api.serializers import (
    BatchOut,
    LateOutcomeOut,
    SubmissionOut,
    SubmissionPage,
    reason_shown,
)
from kyc_review.submissions.api.waiting import WaitIn

ID = "0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10"
RECEIVED: dict[str, Any] = {
    "id": ID,
    "external_ref": "application-1",
    "applicant_ref": "p-77",
    "metadata": {"branch": "12"},
    "status": "received",
    "result": None,
    "reasons": [],
    "checks": [],
    "test": False,
    "sha256": "9f2c1f6f1b6d4c7b8e0c3a5d7e9f1b2c4d6e8f0a1b3c5d7e9f0a2b4c6d8e0f1a",
    "reference_sha256": None,
    "received_at": "2026-11-21T09:30:00Z",
    "completed_at": None,
    "updated_at": "2026-11-21T09:30:00Z",
}
COMPLETED = RECEIVED | {
    "status": "completed",
    "result": "clear",
    "reasons": [reason_shown("models_agree")],
    "completed_at": "2026-11-21T09:30:01Z",
    "updated_at": "2026-11-21T09:30:01Z",
}
# A real JPEG of 32 x 32 grey pixels, so that the example can be sent as it stands.
TINY = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
    "////////////////////wAALCAAgACABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AAAAAAP/Z"
)


IDEMPOTENCY = idempotency_header(required=True)
REPLAYED = replayed_header(202)
KNOWN = request_header("If-None-Match", "The ETag that you have; unchanged reads answer 304.")
UNCHANGED = {304: OpenApiResponse(description="Unchanged.")}
NOT_YOURS = "No such submission, or it belongs to another integration."
GONE = "It was erased."

LOCATION = response_header("Location", "Address of the result.", 202)
REFERENCE = "A `reference_image`, such as the document's portrait, may come with it: people compare it with the selfie."


def _refusals(not_this_type: str) -> dict[Any, OpenApiResponse]:
    """What a create of one submission may be refused with."""
    return error_responses(
        e400=f"{MALFORMED} Or the Idempotency-Key is missing, or the picture is empty.",
        e409=ABOUT_KEY,
        e410="A repetition, and the submission was erased meanwhile.",
        e413="Too many bytes or pixels, in one picture or in both together.",
        e415=f"{not_this_type}, or not {ACCEPTED}.",
        e422="The image cannot be decoded, or it is animated; or the Idempotency-Key was used for "
        "another request.",
        e503="Too many images at once; repeat it after `Retry-After` seconds.",
    )


create = extend_schema(
    operation_id="create_submission",
    summary="Post a selfie",
    description="A form (`multipart/form-data`). Accepted means stored: the verdict follows at the Location, usually "
    f"within a second. {REFERENCE}\n\nThis address also takes JSON, which is deprecated and ends on 1 January 2028: "
    "such answers carry `Deprecation` and `Sunset`. Post JSON to `/submissions/json`.",
    parameters=[IDEMPOTENCY, WaitIn, REPLAYED, LOCATION],
    request={"multipart/form-data": SubmissionForm},
    examples=[example("Accepted", RECEIVED, status_codes=["202"])],
    responses={202: SubmissionOut} | _refusals("Neither a form nor JSON"),
)
create_json = extend_schema(
    operation_id="create_submission_json",
    summary="Post a selfie in JSON",
    description="As a form, with the picture in base64. Accepted means stored: the verdict follows at the Location, "
    f"usually within a second. {REFERENCE}",
    parameters=[IDEMPOTENCY, WaitIn, REPLAYED, LOCATION],
    request=SubmissionJson,
    examples=[
        example(
            "JSON",
            {
                "image": TINY,
                "external_ref": "application-1",
                "applicant_ref": "p-77",
                "metadata": {"branch": "12"},
            },
            is_request=True,
        ),
        example("Accepted", RECEIVED, status_codes=["202"]),
    ],
    responses={202: SubmissionOut} | _refusals("Not JSON"),
)
create_batch = extend_schema(
    operation_id="create_submissions",
    summary="Post up to fifty selfies",
    description="Each is accepted or refused separately; the whole request may have at most "
    f"{settings.JSON_MAX_BYTES // 1_000_000} MB. "
    "Repeated with the same Idempotency-Key, the whole answer is replayed.",
    parameters=[IDEMPOTENCY, REPLAYED],
    request=BatchIn,
    examples=[
        example(
            "Two selfies",
            {
                "submissions": [
                    {"image": TINY, "external_ref": "application-1"},
                    {"image": TINY, "external_ref": "application-2"},
                ]
            },
            is_request=True,
        ),
        example(
            "One of two accepted",
            {
                "results": [
                    {"index": 0, "status": 202, "submission": RECEIVED},
                    {
                        "index": 1,
                        "status": 422,
                        "problem": {
                            "type": "/docs/problems/corrupt-image",
                            "title": "Unprocessable Entity",
                            "status": 422,
                            "code": "corrupt_image",
                            "detail": "The image is damaged.",
                            "errors": [{"pointer": "#/image", "detail": "The image is damaged."}],
                        },
                    },
                ]
            },
            status_codes=["202"],
        ),
    ],
    responses={202: BatchOut}
    | error_responses(
        e400=f"{MALFORMED} Or the Idempotency-Key is missing.",
        e409=ABOUT_KEY,
        e413=f"Over {settings.JSON_MAX_BYTES // 1_000_000} MB.",
        e415="Not JSON.",
        e422=KEY_REUSED,
    ),
)
list_ = extend_schema(
    operation_id="list_submissions",
    summary="List submissions",
    description="Newest first. Continue with `after` set to `next` while `has_more` is true.",
    parameters=[ListIn, KNOWN, response_header("ETag", "Send it back as If-None-Match.", 200)],
    examples=[example("The last page", {"data": [COMPLETED], "has_more": False, "next": None})],
    responses={200: SubmissionPage} | UNCHANGED | error_responses(),
)
retrieve = extend_schema(
    operation_id="retrieve_submission",
    summary="Read a submission",
    description="With `wait` the answer comes when the submission is scored, or, with If-None-Match, when it has "
    "changed.",
    parameters=[WaitIn, KNOWN, response_header("ETag", "Send it back as If-None-Match.", 200)],
    examples=[example("Cleared", COMPLETED)],
    responses={200: SubmissionOut} | UNCHANGED | error_responses(e404=NOT_YOURS, e410=GONE),
)
FETCHED = (
    "The bytes as they were posted, checked against their SHA-256, which `Repr-Digest` has. Needs the scope "
    "`submissions:pictures`, which a key has only if it was chosen explicitly. Each access is in the bank's audit log."
)


def _picture(not_there: str) -> dict[Any, OpenApiResponse]:
    picture = OpenApiResponse(OpenApiTypes.BINARY, description="The picture's bytes.")
    return {(200, "application/octet-stream"): picture} | error_responses(
        e404=not_there,
        e410=GONE,
        e500="Internal error, or the stored bytes are not what was posted (`picture_damaged`).",
        e503="The picture cannot be read now.",
    )


retrieve_image = extend_schema(
    operation_id="retrieve_image",
    summary="Fetch a submission's picture",
    description=FETCHED,
    responses=_picture(NOT_YOURS),
)
retrieve_reference_image = extend_schema(
    operation_id="retrieve_reference_image",
    summary="Fetch a submission's reference image",
    description=FETCHED,
    responses=_picture(f"{NOT_YOURS} Or it has no reference image."),
)
retrieve_outcome = extend_schema(
    operation_id="retrieve_outcome",
    summary="Read the reported outcome of an applicant",
    description="The latest report, which counts.",
    responses={200: LateOutcomeOut}
    | error_responses(e404=f"{NOT_YOURS} Or no outcome was reported.", e410=GONE),
)
report_outcome = extend_schema(
    operation_id="report_outcome",
    summary="Report a later outcome of an applicant",
    description="Later outcomes are ground truth for measuring models and reviewers; they "
    "change no result. The latest report counts.",
    parameters=[idempotency_header(required=False), replayed_header(201)],
    request=LateOutcomeIn,
    examples=[
        example("Fraud", {"outcome": "confirmed_fraud", "note": "charge-back in March"}, is_request=True),
        example(
            "Kept",
            {
                "submission": ID,
                "outcome": "confirmed_fraud",
                "note": "charge-back in March",
                "reported_at": "2027-03-02T10:00:00Z",
            },
            status_codes=["201"],
        ),
    ],
    responses={201: LateOutcomeOut}
    | error_responses(
        e404=NOT_YOURS,
        e409=f"The submission has no result yet. {ABOUT_KEY}",
        e410=GONE,
        e413="Too large.",
        e415="Not JSON.",
        e422=KEY_REUSED,
    ),
)
