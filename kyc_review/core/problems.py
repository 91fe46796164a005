"""Errors of the API as RFC 9457 problem details (application/problem+json)."""

import errno
import logging
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template import loader
from django.urls import Resolver404, resolve
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler as drf_exception_handler

from encrypted_files.stream import FileUnreadable
from kyc_review.core import request_ids
from kyc_review.core.errors import DomainError

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
NIL = UUID(int=0)
SHOWN_ID_CHARS = 100
RETRY_AFTER_S = "2"
# The server ended the statement because it took too long, as it may again.
QUERY_CANCELED = "57014"
RETRY_SLOW_AFTER_S = "60"


class Problem(exceptions.APIException):
    """An error with a machine-readable code; `status_code` and `default_detail` as DRF has them."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`pointer` is the JSON pointer of the field to blame, `parameter` the name of the query parameter."""
        super().__init__(detail=detail, code=code)
        self.headers = dict(headers or {})
        self.status_code = status
        self.pointer = pointer
        self.parameter = parameter


class InvalidQuery(exceptions.ValidationError):
    """Query parameters are unknown or invalid; `detail` has the errors by name."""


# No space, quota, device, read-only, stale or unconnected network folder: a repetition may succeed later.
STORAGE_FAILS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
)


def body(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"/docs/problems/{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if request_id := request_ids.current():
        problem["request_id"] = request_id
    if errors:
        problem["errors"] = errors
    return problem


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler determines status and headers; this one determines the body."""
    exc = _to_api_exception(exc)
    response = drf_exception_handler(exc, context)
    if response is None or not isinstance(exc, exceptions.APIException):
        return response
    response.data = document(exc)
    response.content_type = CONTENT_TYPE
    for name, value in getattr(exc, "headers", {}).items():
        response[name] = value
    return response


def _to_api_exception(exc: Exception) -> Exception:
    """Translates what services refuse and what Django raises below DRF."""
    match exc:
        case DomainError(code=str(code)) if code:
            return Problem(status=exc.status, code=code, detail=exc.detail, pointer=exc.pointer)
        case Http404():
            return exceptions.NotFound("There is no such resource, or it is not yours.")
        case exceptions.NotAuthenticated():
            said = "The request has no key or token. Send `Authorization: Bearer <key>`."
            exc.detail = exceptions.ErrorDetail(said, exc.default_code)
        case exceptions.UnsupportedMediaType():
            said = f"{exc.detail} Send JSON as application/json, a picture's form as multipart/form-data."
            exc.detail = exceptions.ErrorDetail(said, exc.default_code)
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case RequestDataTooBig() | TooManyFieldsSent() | TooManyFilesSent():
            return Problem(
                status=413,
                code="request_too_large",
                detail="The request has too much in addition to its image.",
            )
        case SuspiciousOperation() | BadRequest() | MultiPartParserError() | UnreadablePostError():
            return Problem(status=400, code="malformed_request", detail="The request could not be parsed.")
    return unavailable(exc) if is_passing(exc) else exc


def is_passing(exc: BaseException | None) -> bool:
    """Whether the database, the storage or its keys failed, so that a repetition may succeed; then it is logged."""
    match exc:
        case FileUnreadable():
            log.error("pictures cannot be encrypted or decrypted: %s", exc.strerror)
        case OSError(errno=number) if number in STORAGE_FAILS:
            log.error("files cannot be stored or read: %s", exc, exc_info=exc)
        case OperationalError() | InterfaceError():
            if sqlstate := _sqlstate(exc):
                log.error("the database ended or refused a statement (SQLSTATE %s): %s", sqlstate, exc)
            else:
                log.error("the database does not answer: %s", exc)
        case _:
            return False
    return True


def _sqlstate(exc: BaseException | None) -> str | None:
    """None: no answer of the database."""
    return getattr(exc.__cause__, "sqlstate", None) if exc else None


def unavailable(exc: BaseException | None = None) -> Problem:
    """exc: the cause, which says when a repetition makes sense."""
    is_slow = _sqlstate(exc) == QUERY_CANCELED
    return Problem(
        status=503,
        code="unavailable",
        detail="The service is temporarily unavailable; the request was not accepted. Repeat the request.",
        headers={"Retry-After": RETRY_SLOW_AFTER_S if is_slow else RETRY_AFTER_S},
    )


def document(exc: exceptions.APIException) -> dict[str, Any]:
    """The problem that an exception is; a batch puts one in the place of each item that it refuses."""
    errors: list[dict[str, str]] = []
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_pointed("#", exc.detail))
        code, detail = "invalid_request", "Some fields are missing or invalid; `errors` names each."
        if isinstance(exc, InvalidQuery):
            errors = list(_by_parameter(exc.detail))
            detail = "Some query parameters are unknown or invalid; `errors` names each."
    else:
        code, detail = str(getattr(exc, "code", None) or exc.default_code), str(exc.detail)
        if isinstance(exc, Problem):
            code = str(exc.get_codes())
            named = {"pointer": exc.pointer, "parameter": exc.parameter}
            found = {name: value for name, value in named.items() if value}
            errors = [{**found, "detail": detail}] if found else []
    return body(exc.status_code, code, detail, errors)


def _by_parameter(found: Any) -> Iterator[dict[str, str]]:
    """Every error of a query with the parameter's name in place of a pointer, for a pointer leads into the body."""
    for name, inner in found.items():
        for one in _pointed("", inner):
            yield {"parameter": str(name), "detail": one["detail"]}


def _pointed(at: str, found: Any) -> Iterator[dict[str, str]]:
    """Every leaf of DRF's nested errors with a JSON pointer (RFC 6901) as a URI fragment."""
    if isinstance(found, Mapping):
        for name, inner in found.items():
            whole = str(name) == api_settings.NON_FIELD_ERRORS_KEY
            escaped = quote(whole_text(str(name)).replace("~", "~0").replace("/", "~1"))
            yield from _pointed(at if whole else f"{at}/{escaped}", inner)
    elif isinstance(found, list | tuple):
        for number, inner in enumerate(found):
            yield from _pointed(at if isinstance(inner, str) else f"{at}/{number}", inner)
    else:
        yield {"pointer": at, "detail": whole_text(str(found))}


def whole_text(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which UTF-8 cannot have."""
    return text.encode(errors="replace").decode()


def malformed_id(path: str) -> str:
    """What is wrong with the id in a path that would be an address with a UUID or a number there; else empty."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        for sample, value, kind in ((str(NIL), NIL, "a UUID"), ("0", 0, "a number")):
            try:
                match = resolve("/".join([*parts[:place], sample, *parts[place + 1 :]]))
            except Resolver404:
                continue
            if value in match.kwargs.values():
                shown = whole_text(part)[:SHOWN_ID_CHARS]
                return f"`{shown}` is not {kind}, so it is the id of nothing. Send an id from an answer of this API."
    return ""


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _in_api(request):
        return defaults.page_not_found(request, exception)
    return _answer(
        404, "not_found", malformed_id(request.path_info) or "There is no such address in this API."
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _in_api(request):
        # What a view says is for the person; what Django says of a suspicious request stays in the log.
        if isinstance(exception, BadRequest):
            return render(request, "bad_request.html", {"exception": str(exception)}, status=400)
        return defaults.bad_request(request, exception)
    return _answer(400, "malformed_request", "The request could not be parsed.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _in_api(request):
        return defaults.permission_denied(request, exception)
    return _answer(403, "permission_denied", "This is not allowed.")


def unsupported_charset() -> HttpResponse:
    return _answer(
        415, "unsupported_media_type", "The request has another charset than UTF-8. Send it as UTF-8."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to an exception that no view has handled, which Django is handling meanwhile: 503 for one that passes,
    such as a database that restarts under a page or a middleware."""
    if is_passing(exc := sys.exc_info()[1]):
        problem = unavailable(exc)
        if _in_api(request):
            answer: HttpResponse = _answer(problem.status_code, "unavailable", str(problem.detail))
        else:
            answer = HttpResponse(loader.render_to_string("503.html"), status=problem.status_code)
        answer["Retry-After"] = problem.headers["Retry-After"]
        return answer
    if not _in_api(request):
        return defaults.server_error(request)
    return _answer(
        500, "server_error", "Internal error; the request was not accepted. Retry with a growing delay."
    )


def _in_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _answer(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(body(status, code, detail), status=status, content_type=CONTENT_TYPE)
