"""Cancelling and erasing a submission by API."""

import logging
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.authentication import caller_of, integration_of
from kyc_review.accounts.integrations.idempotency import Answer
from kyc_review.accounts.integrations.idempotent_requests import idempotency_key, respond_once
from kyc_review.accounts.models import Scope
from kyc_review.core.api import ApiView, query_params
from kyc_review.core.problems import Problem
from kyc_review.core.serializers import reference_spellings
from kyc_review.lifecycle.api import openapi
from kyc_review.lifecycle.api.serializers import AppealIn, AppealOut, EraseApplicantIn, EraseIn
from kyc_review.lifecycle.cancel import submission_cancel
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.appeals import AppealRefused, appeal_by_integration, appeal_of
from kyc_review.submissions.api import views as submissions
from kyc_review.submissions.api.presence import found
from kyc_review.submissions.api.serializers import shown
from kyc_review.submissions.selectors import submissions_of
from kyc_review.submissions.state_changes import StaleSubmission

log = logging.getLogger(__name__)
ERASED_AT_ONCE = 100


class SubmissionView(submissions.SubmissionView):
    """The address of a submission: it is read there, and erased."""

    scopes = {"GET": Scope.SUBMISSIONS_READ, "DELETE": Scope.SUBMISSIONS_ERASE}
    query = {**submissions.SubmissionView.query, "DELETE": EraseIn}

    @openapi.erase
    def delete(self, request: Request, submission_id: UUID) -> Response:
        reason = query_params(EraseIn, request)["reason"]
        row = get_object_or_404(submissions_of(caller_of(request)), pk=submission_id)
        submission_erase(submission_id=row.pk, reason=reason, actor=integration_of(request))
        return Response(status=204)


class SubmissionsView(submissions.SubmissionsView):
    """The address of all submissions: they are posted and listed there, and erased by person."""

    scopes = {**submissions.SubmissionsView.scopes, "DELETE": Scope.SUBMISSIONS_ERASE}
    query = {**submissions.SubmissionsView.query, "DELETE": EraseApplicantIn}

    @openapi.erase_applicant
    def delete(self, request: Request) -> Response:
        asked = query_params(EraseApplicantIn, request)
        theirs = submissions_of(caller_of(request)).filter(
            applicant_ref__in=reference_spellings(asked["applicant_ref"]), erased_at=None
        )
        waiting = list(theirs.order_by("received_at", "pk").values_list("pk", flat=True))
        erased: list[UUID] = []
        failed: list[UUID] = []
        while (
            waiting and len(erased) < ERASED_AT_ONCE
        ):  # failures do not count: they would hold up the others
            pk = waiting.pop(0)
            try:
                submission_erase(submission_id=pk, reason=asked["reason"], actor=integration_of(request))
                erased.append(pk)
            except Exception:
                log.exception("submission %s could not be erased", pk)
                failed.append(pk)
        return Response({"erased": erased, "failed": failed, "has_more": bool(waiting)})


class CancellationView(ApiView):
    scopes = {"POST": Scope.SUBMISSIONS_WRITE}

    @openapi.cancel
    def post(self, request: Request, submission_id: UUID) -> Response:
        row = found(request, submission_id)
        try:
            submission_cancel(submission=row, actor=integration_of(request))
        except StaleSubmission:
            raise Problem(
                status=409,
                code="already_decided",
                detail="This submission has its result already, or a person has just decided.",
            ) from None
        return Response(shown(row))


class AppealView(ApiView):
    scopes = {"POST": Scope.SUBMISSIONS_WRITE}

    @openapi.appeal
    def post(self, request: Request, submission_id: UUID) -> Response:
        idempotency_key(request)  # a missing one is the first thing to hear about
        row = found(request, submission_id)
        form = AppealIn(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]

        def act() -> Answer:
            try:
                appeal_by_integration(submission_id=row.pk, integration=integration_of(request), text=reason)
            except AppealRefused as refused:
                raise Problem(status=409, code=refused.code, detail=refused.detail) from None
            return Answer(201, shown_appeal())

        def shown_appeal() -> dict[str, Any]:
            return dict(AppealOut(appeal_of(row.pk)).data)

        return respond_once(
            request,
            {"appeal": str(row.pk), "reason": reason},
            act=act,
            as_of_now=lambda _: shown_appeal(),
            is_key_required=True,
        )
