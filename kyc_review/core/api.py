"""Shared by all API endpoints: bodies and parameters as clients send them, ETags and conditional responses."""

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kyc_review.core.problems import InvalidQuery, Problem
from kyc_review.core.serializers import LOST_TEXT

TWICE = "This parameter occurs more than once. Send it once."
EMPTY = "This parameter is empty. Give it a value, or leave it out."
NONE_TAKEN = "There is no such parameter here; this address takes none."


class ApiView(APIView):
    """A view names the scope that each of its methods needs, and the query parameters that it takes (`query`).

    A key without the scope gets 403; a parameter that is unknown or sent twice, 400.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    query: ClassVar[Mapping[str, type[serializers.Serializer]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large(request)
        super().initial(request, *args, **kwargs)
        if method_of(request) in self.allowed_methods and request.method != "OPTIONS":
            refuse_unknown_parameters(request, self.query.get(method_of(request)))
            read_unsized_body(request)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """204; DRF adds `Allow` to every answer."""
        return Response(status=204)


def method_of(request: Request) -> str:
    """The method, with GET for HEAD: it needs the same right and takes the same parameters."""
    return "GET" if request.method == "HEAD" else str(request.method)


def refuse_large(request: Request) -> None:
    """Before the body is read: its declared length bounds what Django reads."""
    declared = str(request.META.get("CONTENT_LENGTH") or "0")
    if declared.isdigit() and int(declared) > bytes_allowed(request):
        raise too_large(request)


def bytes_allowed(request: Request) -> int:
    is_json = "json" in str(request.META.get("CONTENT_TYPE", ""))
    return settings.JSON_MAX_BYTES if is_json else settings.REQUEST_MAX_BYTES


def too_large(request: Request) -> Problem:
    limit = f"{settings.UPLOAD_MAX_BYTES / 1e6:g}"
    return Problem(
        status=413,
        code="too_many_bytes",
        detail=f"The request may have at most {bytes_allowed(request):,} bytes, an image at most {limit} MB.",
    )


def has_unsized_body(request: Request) -> bool:
    """Whether a body may follow whose length no header tells: `Transfer-Encoding: chunked`, or HTTP/2."""
    return request.method in ("POST", "PUT", "PATCH") and not request.META.get("CONTENT_LENGTH")


def read_unsized_body(request: Request) -> None:
    """Read a body without Content-Length, which Django takes for empty, and tell Django its length.

    Called once the key is accepted, for this holds the whole body in memory. Raises Problem 413 above the limit, 411
    where the server cannot tell the end of such a body (PEP 3333 promises nothing without a length).
    """
    if not has_unsized_body(request):
        return
    if not request.META.get("wsgi.input_terminated"):
        if not request.META.get("HTTP_TRANSFER_ENCODING"):
            return
        raise Problem(
            status=411,
            code="length_required",
            detail="The body came in chunks, and this server cannot read those. Send a Content-Length.",
        )
    most = bytes_allowed(request)
    body = request.META["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise too_large(request)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._request._stream = LimitedStream(BytesIO(body), len(body))  # type: ignore[assignment]


def refuse_unknown_parameters(request: Request, form: type[serializers.Serializer] | None) -> None:
    """A misspelt or empty filter that is ignored would list everything; characters that are lost would make one
    reference of two. Raises InvalidQuery, Problem."""
    try:
        unquote_to_bytes(str(request.META.get("QUERY_STRING", ""))).decode()
    except UnicodeDecodeError:
        raise Problem(
            status=400, code="malformed_request", detail=f"The query is not UTF-8. {LOST_TEXT}"
        ) from None
    fields = form().fields if form else {}
    taken = f"There is no such parameter here; there are {', '.join(fields)}." if fields else NONE_TAKEN
    errors = {}
    for name, values in request.query_params.lists():
        if name not in fields:
            errors[name] = [taken]
        elif len(values) > 1 and not isinstance(fields[name], serializers.ListField):
            errors[name] = [TWICE]
        elif "" in values:
            errors[name] = [EMPTY]
    if errors:
        raise InvalidQuery(errors)


def query_params(form: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The valid query parameters. Raises InvalidQuery."""
    sent = form(data=request.query_params)
    if not sent.is_valid():
        raise InvalidQuery(sent.errors)
    return dict(sent.validated_data)


def conditional(request: Request, body: Mapping[str, Any]) -> Response:
    """200 with an ETag, or 304 when the caller already has this body."""
    tag = etag_of(body)
    if tag in known_tags(request):
        return Response(status=304, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
    return Response(body, headers={"ETag": tag, "Cache-Control": "private, no-cache"})


def etag_of(body: Mapping[str, Any]) -> str:
    return f'"{hashlib.sha256(json.dumps(body, default=str).encode()).hexdigest()[:32]}"'


def known_tags(request: Request) -> list[str]:
    """The ETags of If-None-Match, weak ones as strong ones, as RFC 9110 compares them for reads."""
    sent = str(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return [tag.strip().removeprefix("W/") for tag in sent.split(",") if tag.strip()]
