"""From a request to stored submissions, once per Idempotency-Key."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
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
from kyc_review.accounts.models import ApiKey
from kyc_review.core import problems
from kyc_review.core.problems import Problem
from kyc_review.core.sandbox import names_script
from kyc_review.core.wake import SANDBOX, SCORING
from kyc_review.submissions.api.incoming import SubmissionForm, SubmissionJson
from kyc_review.submissions.api.presence import found
from kyc_review.submissions.api.serializers import shown
from kyc_review.submissions.idempotency import (
    Answer,
    InFlight,
    KeyReused,
    answer_once,
    fingerprint,
    kept_answer,
)
from kyc_review.submissions.intake import reference_inspect, submission_create
from kyc_review.submissions.models import Submission
from kyc_review.submissions.scripts import ALL_SCRIPTS, THROTTLED, UNAVAILABLE, is_unknown_script

Ready = TypeVar("Ready")
TWICE = "This field occurs more than once. Send it once; each picture is a submission of its own."
SECOND_FILE = "Only `image` and `reference_image` may be files. Send each picture as a submission of its own."
FILES = ("image", "reference_image")
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")


def created_once(
    request: Request,
    content: Mapping[str, Any],
    *,
    prepare: Callable[[], Ready],
    act: Callable[[Ready], Answer],
    as_of_now: Callable[[], dict[str, Any]] | None = None,
) -> Response:
    """The answer to a create: made now, or replayed. Raises Problem 400, 409 or 422 about the key.

    `prepare` looks at the pictures, which may take long and may wait, so it runs in no transaction; `act` writes what
    was prepared. `as_of_now`: the body of a replayed answer, where that is not about submissions.
    """
    caller, key, said = caller_of(request), idempotency_key(request), fingerprint(content)
    try:
        answer = kept_answer(caller=caller, key=key, content=said)
        if answer is None:
            ready = prepare()
            answer = answer_once(caller=caller, key=key, content=said, act=lambda: act(ready))
    except InFlight:
        raise Problem(
            status=409,
            code="idempotency_key_in_flight",
            detail="A request with this Idempotency-Key is still being processed; retry in a second.",
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
        body = as_of_now() if as_of_now else _as_of_now(request, answer.body)
        return Response(body, status=answer.status, headers=headers)
    (SANDBOX if caller.is_test else SCORING).send()
    return Response(answer.body, status=answer.status, headers=headers)


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
