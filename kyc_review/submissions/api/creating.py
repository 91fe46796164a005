"""From a request to stored submissions, once per Idempotency-Key."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from detection.decoding import ImageRefused
from kyc_review.accounts.authentication import caller_of
from kyc_review.accounts.models import ApiKey
from kyc_review.core import problems
from kyc_review.core.problems import Problem
from kyc_review.pipeline.wake import wake_scoring
from kyc_review.submissions.api.incoming import SubmissionForm, SubmissionJson
from kyc_review.submissions.api.serializers import shown
from kyc_review.submissions.idempotency import Answer, InFlight, KeyReused, answer_once, fingerprint
from kyc_review.submissions.models import Submission
from kyc_review.submissions.nudge import nudge_sandbox
from kyc_review.submissions.services import submission_create

KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")


def created_once(request: Request, content: Mapping[str, Any], act: Callable[[], Answer]) -> Response:
    """The answer to a create: made now, or replayed. Raises Problem 400, 409 or 422 about the key."""
    try:
        answer = answer_once(
            caller=caller_of(request), key=idempotency_key(request), content=fingerprint(content), act=act
        )
    except InFlight:
        raise Problem(
            status=409,
            code="idempotency_key_in_flight",
            detail="A request with this Idempotency-Key is being answered; ask again in a second.",
            headers={"Retry-After": "1"},
        ) from None
    except KeyReused:
        raise Problem(
            status=422,
            code="idempotency_key_reused",
            detail="This Idempotency-Key was used for another request in the last 24 hours. "
            "Take a new key for each new submission, and the same one only to repeat it.",
        ) from None
    headers = {"Location": request.build_absolute_uri(answer.location)} if answer.location else {}
    if answer.is_replay:
        headers["Idempotent-Replayed"] = "true"
    else:
        nudge_sandbox() if caller_of(request).is_test else wake_scoring()
    return Response(answer.body, status=answer.status, headers=headers)


def idempotency_key(request: Request) -> str:
    """The header's value; quotation marks, which the draft has, are no part of it. Raises Problem 400."""
    sent = str(request.META.get("HTTP_IDEMPOTENCY_KEY", "")).strip()
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    if not KEY_PATTERN.fullmatch(key):
        raise Problem(
            status=400,
            code="idempotency_key_missing" if not sent else "idempotency_key_invalid",
            detail="Send a header `Idempotency-Key` with a value of your own for each new submission, such as "
            "a UUID (1 to 255 visible ASCII characters), and the same value when you repeat the request.",
        )
    return key


# Its fields are made once: that takes longer than reading them.
_form = SubmissionForm()


def read(request: Request) -> dict[str, Any]:
    """The arguments of `submission_create`, from a form or from JSON. Raises ValidationError."""
    if isinstance(request.data, Mapping) and "json" not in str(request.content_type):
        fields = _form.run_validation(request.data)
        file = fields["image"]
        named = {"filename": file.name, "content_type": file.content_type}
        return {**fields, "image": file.read(), **named}
    return read_json(request.data)


def read_json(sent: Any) -> dict[str, Any]:
    form = SubmissionJson(data=sent)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two requests the same: not what the file was called."""
    return {name: fields[name] for name in ("image", "external_ref", "applicant_ref", "metadata")}


def create(caller: ApiKey, fields: Mapping[str, Any]) -> Submission:
    """Raises Problem when the image is refused."""
    try:
        return submission_create(integration=caller.integration, is_test=caller.is_test, **fields)
    except ImageRefused as refusal:
        raise Problem(
            status=refusal.status, code=refusal.code, detail=refusal.detail, pointer="#/image"
        ) from refusal


def answer_one(caller: ApiKey, fields: Mapping[str, Any]) -> Answer:
    row = create(caller, fields)
    return Answer(202, shown(row), reverse("submission", args=[row.pk]))


def answer_batch(caller: ApiKey, items: list[Any]) -> Answer:
    """Each by itself: one bad picture refuses no other."""
    return Answer(202, {"results": [_item(caller, index, sent) for index, sent in enumerate(items)]})


def _item(caller: ApiKey, index: int, sent: Any) -> dict[str, Any]:
    try:
        fields = read_json(sent)
        with transaction.atomic():
            row = create(caller, fields)
    except (Problem, serializers.ValidationError) as refused:
        document = problems.document(refused)
        return {"index": index, "status": document["status"], "problem": document}
    return {"index": index, "status": 202, "submission": shown(row)}
