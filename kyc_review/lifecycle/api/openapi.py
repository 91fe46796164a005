"""How the OpenAPI document describes cancelling and erasing."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from kyc_review.core.openapi import error_responses, example
from kyc_review.lifecycle.api.serializers import EraseApplicantIn, ErasedOut, EraseIn
from kyc_review.submissions.api.openapi import GONE, NOT_YOURS, RECEIVED
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
    "request. Safe to repeat. Needs the scope `submissions:erase`.",
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
