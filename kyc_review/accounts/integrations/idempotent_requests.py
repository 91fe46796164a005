"""Requests that act once per Idempotency-Key, and how they are answered."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.authentication import caller_of
from kyc_review.accounts.integrations.idempotency import (
    Answer,
    InFlight,
    KeyReused,
    answer_once,
    fingerprint,
    kept_answer,
)
from kyc_review.core.problems import Problem

Ready = TypeVar("Ready")
# No comma: servers join two headers of one name with it, and then neither key would ever be found again.
KEY_PATTERN = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")


def idempotency_key(request: Request) -> str:
    """The header's value; quotation marks, which the draft has, are no part of it. Raises Problem 400."""
    sent = str(request.META.get("HTTP_IDEMPOTENCY_KEY", "")).strip()
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    if not KEY_PATTERN.fullmatch(key):
        raise Problem(
            status=400,
            code="idempotency_key_missing" if not sent else "idempotency_key_invalid",
            detail="Send one header `Idempotency-Key` with a value of your own for each new submission, such as "
            "a UUID (1 to 255 visible ASCII characters but commas), and the same value when you repeat the request.",
        )
    return key


def answered_once(
    request: Request,
    content: Mapping[str, Any],
    *,
    prepare: Callable[[], Ready],
    act: Callable[[Ready], Answer],
) -> Answer:
    """What `act` answers, or answered before to the same content. Raises Problem 400, 409 or 422 about the key.

    `prepare` may take long and may wait, so it runs in no transaction; `act` writes what was prepared.
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
            "Take a new key for each new request, and the same one only to repeat it.",
        ) from None
    return answer


def response_to(
    request: Request, answer: Answer, as_of_now: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> Response:
    """The response with its headers; `as_of_now` makes the body of a replay from what was kept."""
    headers = {"Location": request.build_absolute_uri(answer.location)} if answer.location else {}
    if not answer.is_replay:
        return Response(answer.body, status=answer.status, headers=headers)
    headers["Idempotent-Replayed"] = "true"
    return Response(as_of_now(answer.body), status=answer.status, headers=headers)


def respond_once(
    request: Request,
    content: Mapping[str, Any],
    *,
    act: Callable[[], Answer],
    as_of_now: Callable[[Mapping[str, Any]], dict[str, Any]],
    is_key_required: bool = False,
) -> Response:
    """The response to a request that needs no preparation; without an Idempotency-Key it acts every time."""
    if not is_key_required and "HTTP_IDEMPOTENCY_KEY" not in request.META:
        answer = act()
    else:
        answer = answered_once(request, content, prepare=lambda: None, act=lambda _: act())
    return response_to(request, answer, as_of_now)
