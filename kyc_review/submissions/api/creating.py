"""From a request to stored submissions, once per Idempotency-Key."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from detection import decoding
from detection.decoding import ImageFacts, ImageRefused, inspect
from kyc_review.accounts.authentication import caller_of
from kyc_review.accounts.integrations.idempotency import Answer
from kyc_review.accounts.integrations.idempotent_requests import Ready, answered_once, response_to
from kyc_review.accounts.models import ApiKey
from kyc_review.core import problems
from kyc_review.core.problems import Problem
from kyc_review.core.sandbox import names_script
from kyc_review.core.wake import SANDBOX, SCORING
from kyc_review.submissions.api.incoming import SubmissionForm, SubmissionJson
from kyc_review.submissions.api.presence import found
from kyc_review.submissions.api.serializers import shown
from kyc_review.submissions.intake import reference_inspect, submission_create
from kyc_review.submissions.models import Submission
from kyc_review.submissions.scripts import ALL_SCRIPTS, THROTTLED, UNAVAILABLE, is_unknown_script

TWICE = "This field occurs more than once. Send it once; each picture is a submission of its own."
SECOND_FILE = "Only `image` and `reference_image` may be files. Send each picture as a submission of its own."
FILES = ("image", "reference_image")


def created_once(
    request: Request,
    content: Mapping[str, Any],
    *,
    prepare: Callable[[], Ready],
    act: Callable[[Ready], Answer],
) -> Response:
    """The answer to a create: made now, or replayed. Raises Problem 400, 409 or 422 about the key."""
    answer = answered_once(request, content, prepare=prepare, act=act)
    if not answer.is_replay:
        (SANDBOX if caller_of(request).is_test else SCORING).send()
    return response_to(request, answer, lambda kept: _as_of_now(request, kept))


def _as_of_now(request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a kept answer says, with each submission in its present state. Raises Problem 410 for an erased one.

    In a batch the problem takes the place of the submission.
    """
    if "results" not in body:
        return shown(found(request, UUID(body["id"])))
    results = []
    for one in body["results"]:
        if "submission" in one:
            try:
                one = one | {"submission": shown(found(request, UUID(one["submission"]["id"])))}
            except Problem as gone:
                one = {"index": one["index"], "status": gone.status_code, "problem": problems.document(gone)}
        results.append(one)
    return {"results": results}


# Its fields are made once: that takes longer than reading them.
_form = SubmissionForm()


def read(request: Request) -> dict[str, Any]:
    """The arguments of `prepared`, from a form or from JSON. Raises ValidationError."""
    fields = _read(request)
    if caller_of(request).is_test:
        refuse_by_script(fields["external_ref"])
    return fields


def refuse_by_script(external_ref: str) -> None:
    """What the sandbox refuses: a script that does not exist, and those that pretend a refusal. Raises Problem."""
    if is_unknown_script(external_ref):
        raise serializers.ValidationError(
            {"external_ref": [f"There is no such script: {', '.join(ALL_SCRIPTS)}."]}
        )
    if names_script(external_ref, THROTTLED):
        said = "The sandbox refuses this reference as if the key had made too many requests."
        raise Problem(status=429, code="throttled", detail=said, headers={"Retry-After": "1"})
    if names_script(external_ref, UNAVAILABLE):
        said = "The sandbox refuses this reference as if the service were unavailable."
        raise Problem(status=503, code="unavailable", detail=said, headers={"Retry-After": "2"})


def _read(request: Request) -> dict[str, Any]:
    if isinstance(request.data, MultiValueDict):
        _refuse_ambiguous(request.data, request.FILES)
        fields = _form.run_validation(request.data)
        file = fields["image"]
        named = {"filename": file.name, "content_type": file.content_type}
        pictures = {name: fields[name].read() for name in FILES if name in fields}
        return {**fields, **pictures, **named}
    return read_json(request.data)


def _refuse_ambiguous(sent: MultiValueDict[str, Any], files: Iterable[str]) -> None:
    """Two values of one field, or two files, could put the wrong person's picture on file. Raises ValidationError."""
    errors = {name: TWICE for name, values in sent.lists() if len(values) > 1}
    errors |= {name: SECOND_FILE for name in files if name not in FILES and name not in errors}
    if errors:
        raise serializers.ValidationError({name: [detail] for name, detail in errors.items()})


def read_json(sent: Any) -> dict[str, Any]:
    form = SubmissionJson(data=sent)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The content that identifies a request, without the file name."""
    names = ("image", "external_ref", "applicant_ref", "metadata", "reference_image")
    return {name: fields[name] for name in names if name in fields}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A submission that can be written: its fields, and what its pictures are."""

    fields: Mapping[str, Any]
    facts: ImageFacts
    reference_facts: ImageFacts | None


def prepared(fields: Mapping[str, Any]) -> Prepared:
    """Raises Problem when a picture is refused, 503 when no decoder becomes free in time."""
    named = {"filename", "content_type"}
    facts = _inspected(fields, "image", **{name: fields[name] for name in named & fields.keys()})
    reference = None
    if "reference_image" in fields:
        try:
            reference = reference_inspect(fields["reference_image"], before_waiting=_release_connection)
        except ImageRefused as refusal:
            raise _problem(refusal, "reference_image") from refusal
    kept = {name: value for name, value in fields.items() if name not in named}
    return Prepared(kept, facts, reference)


def _inspected(fields: Mapping[str, Any], field: str, **named: str) -> ImageFacts:
    try:
        return inspect(fields[field], **named, before_waiting=_release_connection)
    except ImageRefused as refusal:
        raise _problem(refusal, field) from refusal


def busy() -> Problem:
    """The refusal of a picture that no decoder can take now."""
    return _problem(decoding.busy())


def _problem(refusal: ImageRefused, field: str = "image") -> Problem:
    headers = {"Retry-After": str(settings.DECODER_RETRY_AFTER_S)} if refusal.status == 503 else {}
    detail = refusal.detail if field == "image" else f"{field}: {refusal.detail}"
    return Problem(
        status=refusal.status, code=refusal.code, detail=detail, pointer=f"#/{field}", headers=headers
    )


def _release_connection() -> None:
    """A request that waits for a decoder releases its database connection."""
    if not connection.in_atomic_block:
        connection.close()


def answer_one(caller: ApiKey, ready: Prepared) -> Answer:
    row = _create(caller, ready)
    return Answer(202, shown(row), reverse("submission", args=[row.pk]))


def prepared_batch(items: list[Any], *, is_test: bool = False) -> list[Prepared | dict[str, Any]]:
    """Each separately: one bad picture does not affect the others; its problem document takes its place.

    Raises Problem when the server is busy: that says nothing of the picture, so no answer may be kept for it.
    """
    return [_prepared_item(sent, is_test) for sent in items]


def _prepared_item(sent: Any, is_test: bool) -> Prepared | dict[str, Any]:
    try:
        fields = read_json(sent)
        if is_test:
            refuse_by_script(fields["external_ref"])
        return prepared(fields)
    except (Problem, serializers.ValidationError) as refused:
        if refused.status_code >= 500:
            raise
        return problems.document(refused)


def answer_batch(caller: ApiKey, ready: list[Prepared | dict[str, Any]]) -> Answer:
    results = []
    for index, one in enumerate(ready):
        if isinstance(one, Prepared):
            row = _create(caller, one)
            results.append({"index": index, "status": 202, "submission": shown(row)})
        else:
            results.append({"index": index, "status": one["status"], "problem": one})
    return Answer(202, {"results": results})


def _create(caller: ApiKey, ready: Prepared) -> Submission:
    return submission_create(
        integration=caller.integration,
        is_test=caller.is_test,
        facts=ready.facts,
        reference_facts=ready.reference_facts,
        **ready.fields,
    )
