"""Errors of the API as RFC 9457 problem details (application/problem+json)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

CONTENT_TYPE = "application/problem+json"


class Problem(exceptions.APIException):
    """An error with a machine-readable code; `status_code` and `default_detail` as DRF has them."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail=detail, code=code)
        self.headers = dict(headers or {})
        self.status_code = status
        self.pointer = pointer


def body(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"/docs/problems/{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        problem["errors"] = errors
    return problem


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler decides status and headers; this one gives the answer its form."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("There is no such resource, or it is not yours.")
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    response = drf_exception_handler(exc, context)
    if response is None or not isinstance(exc, exceptions.APIException):
        return response
    response.data = document(exc)
    response.content_type = CONTENT_TYPE
    for name, value in getattr(exc, "headers", {}).items():
        response[name] = value
    return response


def document(exc: exceptions.APIException) -> dict[str, Any]:
    """The problem that an exception is; a batch puts one in the place of each item that it refuses."""
    errors: list[dict[str, str]] = []
    if isinstance(exc, exceptions.ValidationError) and isinstance(exc.detail, dict):
        for field, reasons in exc.detail.items():
            errors += [{"pointer": f"#/{field}", "detail": str(reason)} for reason in reasons]
        code, detail = "invalid_request", "Some fields are missing or invalid; `errors` names each."
    else:
        code, detail = str(getattr(exc, "code", None) or exc.default_code), str(exc.detail)
        if isinstance(exc, Problem):
            code = str(exc.get_codes())
            if exc.pointer:
                errors = [{"pointer": exc.pointer, "detail": detail}]
    return body(exc.status_code, code, detail, errors)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception)
    return JsonResponse(
        body(404, "not_found", "There is no such address in this API."), status=404, content_type=CONTENT_TYPE
    )


def server_error(request: HttpRequest) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    detail = "Something failed on our side; nothing was accepted. Retry with a growing delay."
    return JsonResponse(body(500, "server_error", detail), status=500, content_type=CONTENT_TYPE)
