import logging
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import Error as DatabaseFailed
from django.http import Http404, HttpResponse
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from kyc_review.accounts.authentication import caller_of
from kyc_review.accounts.integrations.idempotency import Answer
from kyc_review.accounts.integrations.idempotent_requests import idempotency_key, respond_once
from kyc_review.accounts.models import Scope
from kyc_review.core.api import ApiView, conditional, etag_of, known_tags, query_params
from kyc_review.core.deprecation import Deprecated
from kyc_review.core.pagination import invalid_cursor, page_end
from kyc_review.core.parsers import JSONParser
from kyc_review.core.problems import Problem, unavailable
from kyc_review.submissions.api import creating, openapi
from kyc_review.submissions.api.incoming import BatchIn, LateOutcomeIn, ListIn
from kyc_review.submissions.api.presence import found, refuse_erased
from kyc_review.submissions.api.serializers import LateOutcomeOut, shown
from kyc_review.submissions.api.waiting import WaitIn, wait_of, wait_until
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.outcome_reports import late_outcome_record, latest_outcome
from kyc_review.submissions.pictures import picture_fetch
from kyc_review.submissions.selectors import submissions_page
from kyc_review.submissions.state_changes import StaleSubmission
from kyc_review.submissions.storage import OriginalMissing

log = logging.getLogger(__name__)
UNSCORED = (State.RECEIVED, State.SCORING)
JSON_AT_SUBMISSIONS = Deprecated(
    since=datetime(2026, 11, 27, tzinfo=UTC),
    ends=datetime(2028, 1, 1, tzinfo=UTC),
    successor="submissions-json",
)


class SubmissionsView(ApiView):
    scopes = {"GET": Scope.SUBMISSIONS_READ, "POST": Scope.SUBMISSIONS_WRITE}
    query = {"GET": ListIn, "POST": WaitIn}
    parser_classes = (MultiPartParser, JSONParser)

    @openapi.create
    def post(self, request: Request) -> Response:
        return created(request)

    @openapi.list_
    def get(self, request: Request) -> Response:
        filters = query_params(ListIn, request)
        after, limit = filters.pop("after", None), filters.pop("limit")
        try:
            rows, has_more = submissions_page(
                viewer=caller_of(request), filters=filters, after=after, limit=limit
            )
        except Submission.DoesNotExist:
            raise invalid_cursor("not one of your submissions") from None
        return conditional(request, {"data": [shown(row) for row in rows]} | page_end(rows, has_more))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Every answer to a post of JSON, refusals too, tells that it is deprecated."""
        done = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "POST" and "json" in str(request.META.get("CONTENT_TYPE", "")):
            for name, value in JSON_AT_SUBMISSIONS.headers(request).items():
                done[name] = value
        return done


class JsonView(ApiView):
    """Only JSON: an operation with two content types is one that several generators of clients cannot call."""

    scopes = {"POST": Scope.SUBMISSIONS_WRITE}
    query: ClassVar[Mapping[str, type[Serializer]]] = {"POST": WaitIn}

    @openapi.create_json
    def post(self, request: Request) -> Response:
        return created(request)


class BatchView(ApiView):
    scopes = {"POST": Scope.SUBMISSIONS_WRITE}

    @openapi.create_batch
    def post(self, request: Request) -> Response:
        idempotency_key(request)
        form = BatchIn(data=request.data)
        form.is_valid(raise_exception=True)
        items = form.validated_data["submissions"]
        caller = caller_of(request)
        return creating.created_once(
            request,
            {"batch": items},
            prepare=lambda: creating.prepared_batch(items, is_test=caller.is_test),
            act=lambda ready: creating.answer_batch(caller, ready),
        )


class SubmissionView(ApiView):
    """Reading; lifecycle.api adds the erasure at the same address."""

    scopes = {"GET": Scope.SUBMISSIONS_READ}
    query: ClassVar[Mapping[str, type[Serializer]]] = {"GET": WaitIn}

    @openapi.retrieve
    def get(self, request: Request, submission_id: UUID) -> Response:
        seconds = wait_of(request)
        row = waited_for(request, submission_id, seconds) if seconds else found(request, submission_id)
        return conditional(request, shown(row))


class LateOutcomeView(ApiView):
    scopes = {"GET": Scope.SUBMISSIONS_READ, "POST": Scope.OUTCOMES_WRITE}

    @openapi.retrieve_outcome
    def get(self, request: Request, submission_id: UUID) -> Response:
        latest = latest_outcome(found(request, submission_id))
        if latest is None:
            raise Http404
        return Response(LateOutcomeOut(latest).data)

    @openapi.report_outcome
    def post(self, request: Request, submission_id: UUID) -> Response:
        row = found(request, submission_id)
        form = LateOutcomeIn(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data

        def act() -> Answer:
            try:
                outcome = late_outcome_record(
                    submission=row,
                    finding=said["outcome"],
                    note=said["note"],
                    reported_by=caller_of(request),
                )
            except StaleSubmission:
                raise Problem(
                    status=409,
                    code="not_completed",
                    detail="Outcomes can be reported only for submissions with a result; this one has none yet.",
                ) from None
            # The note is kept with the report alone, so that an erasure finds it there.
            return Answer(201, dict(LateOutcomeOut(outcome).data), kept={"outcome": outcome.pk})

        return respond_once(
            request,
            {"outcome_of": str(row.pk), **said},
            act=act,
            as_of_now=lambda kept: dict(LateOutcomeOut(row.late_outcomes.get(pk=kept["outcome"])).data),
        )


class PictureView(ApiView):
    """The posted bytes. `application/octet-stream`: no browser shows or runs them."""

    scopes = {"GET": Scope.SUBMISSIONS_PICTURES}
    is_reference = False

    @openapi.retrieve_image
    def get(self, request: Request, submission_id: UUID) -> HttpResponse:
        return self.picture(request, submission_id)

    def picture(self, request: Request, submission_id: UUID) -> HttpResponse:
        row = found(request, submission_id)
        if self.is_reference and not row.reference_sha256:
            raise Http404
        try:
            picture = picture_fetch(
                submission=row, is_reference=self.is_reference, fetched_by=caller_of(request)
            )
        except OriginalMissing as missing:
            row.refresh_from_db()
            refuse_erased(row)
            log.error("the original of submission %s cannot be read: %s", row.pk, missing)
            raise unavailable() from None
        digest = row.reference_sha256 if self.is_reference else row.sha256
        return HttpResponse(
            picture,
            content_type="application/octet-stream",
            headers={
                "Cache-Control": "private, no-store",
                "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(digest)).decode()}:",
                "X-Content-Type-Options": "nosniff",
            },
        )


class ReferencePictureView(PictureView):
    is_reference = True

    @openapi.retrieve_reference_image
    def get(self, request: Request, submission_id: UUID) -> HttpResponse:
        return self.picture(request, submission_id)


def created(request: Request) -> Response:
    """One submission, from a form or from JSON."""
    idempotency_key(request)  # a missing one is the first thing to hear about
    seconds, fields = wait_of(request), creating.read(request)
    caller = caller_of(request)
    response = creating.created_once(
        request,
        creating.said(fields),
        prepare=lambda: creating.prepared(fields),
        act=lambda ready: creating.answer_one(caller, ready),
    )
    if seconds:
        try:
            response.data = shown(waited_for(request, UUID(response.data["id"]), seconds))
        except DatabaseFailed:
            # The submission is stored: a refusal would say that it is not, and a client might post it once more.
            log.warning("submission %s: waiting for its verdict failed", response.data["id"], exc_info=True)
    return response


def waited_for(request: Request, submission_id: UUID, seconds: float) -> Submission:
    """The submission, as soon as it differs from the ETag that the caller has; without one, as soon as it is scored."""
    row, known = found(request, submission_id), known_tags(request)

    def arrived() -> bool:
        row.refresh_from_db()
        refuse_erased(row)
        if known:
            return etag_of(shown(row)) not in known
        return row.state not in UNSCORED

    wait_until(arrived, seconds=seconds)
    return row
