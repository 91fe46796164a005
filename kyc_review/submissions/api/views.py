from typing import cast
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from detection.image import ImageRefused
from kyc_review.accounts.models import Integration
from kyc_review.problems import CONTENT_TYPE, Problem
from kyc_review.scoring.nudge import nudge
from kyc_review.submissions.api.serializers import ProblemOut, SubmissionIn, SubmissionOut
from kyc_review.submissions.selectors import submissions_of
from kyc_review.submissions.services import submission_create


def problem(description: str) -> OpenApiResponse:
    return OpenApiResponse(ProblemOut, description=description)


UNAUTHORISED = {(401, CONTENT_TYPE): problem("The API key is missing, unknown, expired or revoked.")}


class SubmissionsView(APIView):
    @extend_schema(
        operation_id="create_submission",
        summary="Post a selfie",
        description="Accepted means stored: the verdict follows at the Location, usually within a second.",
        request={"multipart/form-data": SubmissionIn},
        responses=UNAUTHORISED
        | {
            202: SubmissionOut,
            (400, CONTENT_TYPE): problem("A field is missing or invalid, or the file is empty."),
            (413, CONTENT_TYPE): problem("Too many bytes or pixels."),
            (415, CONTENT_TYPE): problem("Not multipart, or not a JPEG, PNG or WebP image."),
            (422, CONTENT_TYPE): problem("The image is damaged, animated or carries foreign data."),
        },
    )
    def post(self, request: Request) -> Response:
        refuse_large(request)
        form = SubmissionIn(data=request.data)
        form.is_valid(raise_exception=True)
        image = form.validated_data["image"]
        try:
            submission = submission_create(
                integration=integration_of(request),
                image=image.read(),
                external_ref=form.validated_data["external_ref"],
                applicant_ref=form.validated_data["applicant_ref"],
                metadata=form.validated_data["metadata"],
                filename=image.name,
                content_type=image.content_type,
            )
        except ImageRefused as refusal:
            raise Problem(
                status=refusal.status, code=refusal.code, detail=refusal.detail, pointer="#/image"
            ) from refusal
        nudge()
        location = request.build_absolute_uri(reverse("submission", args=[submission.pk]))
        return Response(
            SubmissionOut(submission).data, status=status.HTTP_202_ACCEPTED, headers={"Location": location}
        )


class SubmissionView(APIView):
    @extend_schema(
        operation_id="retrieve_submission",
        summary="Read a submission",
        responses=UNAUTHORISED
        | {200: SubmissionOut, (404, CONTENT_TYPE): problem("No such submission, or not yours.")},
    )
    def get(self, request: Request, submission_id: UUID) -> Response:
        return Response(
            SubmissionOut(get_object_or_404(submissions_of(integration_of(request)), pk=submission_id)).data
        )


def integration_of(request: Request) -> Integration:
    """Who posts: IsIntegration has let nobody else in."""
    return cast(Integration, request.user)


def refuse_large(request: Request) -> None:
    """Before the body is read: its declared length bounds what Django reads."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > settings.REQUEST_MAX_BYTES:
        limit = settings.UPLOAD_MAX_BYTES // 1_000_000
        raise Problem(status=413, code="too_many_bytes", detail=f"The image may have at most {limit} MB.")
