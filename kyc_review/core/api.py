"""Shared by all API endpoints: request size limit, ETags and conditional responses."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kyc_review.core.problems import Problem


class ApiView(APIView):
    """A view names the scope that each of its methods needs; a key without it gets 403."""

    scopes: ClassVar[Mapping[str, str]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large(request)
        super().initial(request, *args, **kwargs)


def refuse_large(request: Request) -> None:
    """Before the body is read: its declared length bounds what Django reads."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    is_json = "json" in str(request.META.get("CONTENT_TYPE", ""))
    most = settings.JSON_MAX_BYTES if is_json else settings.REQUEST_MAX_BYTES
    if declared.isdigit() and int(declared) > most:
        limit = f"{settings.UPLOAD_MAX_BYTES / 1e6:g}"
        raise Problem(
            status=413,
            code="too_many_bytes",
            detail=f"The request may have at most {most:,} bytes, an image at most {limit} MB.",
        )


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
