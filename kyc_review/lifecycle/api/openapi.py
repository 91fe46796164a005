"""How the OpenAPI document describes cancelling, erasing and appealing."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from kyc_review.core.openapi import (
    ABOUT_KEY,
    KEY_REUSED,
    MALFORMED,
    error_responses,
    example,
    replayed_header,
)
from kyc_review.lifecycle.api.serializers import AppealIn, AppealOut, EraseApplicantIn, ErasedOut, EraseIn
from kyc_review.submissions.api.openapi import GONE, ID, IDEMPOTENCY, NOT_YOURS, RECEIVED
from kyc_review.submissions.api.serializers import SubmissionOut

erase = extend_schema(
    operation_id="erase_submission",
    summary="Erase a submission",
    description="Permanently deletes the picture, everything derived from it, and your references; open work is "
    "cancelled. The result stays for the audit, and models that learned from the picture are marked. Needs the scope "
    "`submissions:erase`, which a key has only if it was chosen explicitly. Safe to repeat; afterwards reads answer "
    "410.",
    parameters=[EraseIn],
    request=None,
    responses={204: OpenApiResponse(description="Erased.")} | error_responses(e404=NOT_YOURS),
)
erase_applicant = extend_schema(
    operation_id="erase_applicant",
    summary="Erase all submissions of a person",
    description="As the erasure of a single submission, for all with this `applicant_ref`, up to a hundred in one "
    "request, in every Unicode spelling of it. One that fails is in `failed` and does not hold up the others. "
    "Safe to repeat. Needs the scope `submissions:erase`.",
    parameters=[EraseApplicantIn],
    request=None,
    responses={200: ErasedOut} | error_responses(),
)
cancel = extend_schema(
    operation_id="cancel_submission",
    summary="Cancel a submission",
    description="Possible before there is a result; stops scoring and review. Safe to repeat.",
    request=None,
    examples=[example("Cancelled", RECEIVED | {"status": "cancelled"})],
    responses={200: SubmissionOut}
    | error_responses(e404=NOT_YOURS, e409="It has a result already.", e410=GONE),
)
appeal = extend_schema(
    operation_id="appeal_submission",
    summary="Appeal against a result",
    description="For a result that is `rejected` or `resubmit`, once per submission. Somebody who has not seen the "
    "picture judges it; the result stands until then. `submission.appeal_decided` says that they did, and "
    "`submission.overturned` that the result changed. In the sandbox the result stays and the event follows at once.",
    parameters=[IDEMPOTENCY, replayed_header(201)],
    request=AppealIn,
    examples=[
        example("Reason", {"reason": "The applicant says that the picture is real."}, is_request=True),
        example(
            "Opened",
            {"submission": ID, "appealed_at": "2026-11-22T10:00:00Z", "answered_at": None},
            status_codes=["201"],
        ),
    ],
    responses={201: AppealOut}
    | error_responses(
        e400=f"{MALFORMED} Or the Idempotency-Key is missing.",
        e404=NOT_YOURS,
        e409="There is nothing to appeal against (`appeal_refused`), or another person is to judge the picture first "
        f"(`appeal_not_yet`: repeat it later); `detail` says why. {ABOUT_KEY}",
        e410=GONE,
        e413="Too large.",
        e415="Not JSON.",
        e422=KEY_REUSED,
    ),
)
