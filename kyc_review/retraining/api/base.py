"""What the endpoints of the retraining loop share: people ask by their tokens, services refuse in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from django.db.models import Model, QuerySet
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.accounts.tokens.authentication import MayAsk, TokenAuthentication
from kyc_review.core.api import ApiView, query_params
from kyc_review.core.pagination import invalid_cursor, page_after, page_end
from kyc_review.core.problems import Problem

M = TypeVar("M", bound=Model)


class RetrainingView(ApiView):
    """A view names in `allowed` who may use each method, by the functions that the pages ask, too."""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (MayAsk,)
    allowed: ClassVar[Mapping[str, Callable[[User], bool]]] = {}

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(_to_problem(exc))


def _to_problem(exc: Exception) -> Exception:
    """What `detection` refuses; what services refuse is answered by core."""
    if isinstance(exc, BundleRefused):
        return Problem(status=409, code="bundle_refused", detail=str(exc))
    return exc


def viewer_of(request: Request) -> User:
    """The owner of the token; MayAsk has refused requests without one."""
    return cast(User, request.user)


def read(form: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """What was sent in the body. Raises ValidationError."""
    sent = form(data=request.data)
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


def lookup_or_400(rows: QuerySet[M], field: str, what: str, **wanted: Any) -> M:
    """The row that a field of the body names; `what` is what it should be, in words. Raises Problem 400."""
    row = rows.filter(**wanted).first()
    if row is None:
        value = next(iter(wanted.values()))
        raise Problem(
            status=400,
            code="unknown_reference",
            detail=f"`{value}` is not {what}; list the existing ones.",
            pointer=f"#/{field}",
        )
    return row


def created_response(
    request: Request, body: Mapping[str, Any], *, at: str, key: str | int, status: int
) -> Response:
    """What a POST created, and in `Location` where to read it again; `at` names the URL, `key` is its argument."""
    there = request.build_absolute_uri(reverse(at, args=[key]))
    return Response(body, status=status, headers={"Location": there})


def page(
    request: Request, rows: QuerySet[M], form: type[serializers.Serializer], key: str = "pk"
) -> tuple[list[M], dict[str, Any]]:
    """One page of rows that are sorted by falling `pk`, and what tells of the next; `key` is what `next` holds.

    The form's fields except `after` and `limit` are filters. Raises Problem 400 when `after` is not one of
    the rows.
    """
    filters = query_params(form, request)
    limit, after = filters.pop("limit"), filters.pop("after", None)
    last = rows.filter(**{key: after}).first() if after is not None else None
    if after is not None and last is None:
        raise invalid_cursor("not in the list")
    shown, has_more = page_after(rows.filter(**filters), after=last, limit=limit)
    return shown, page_end(shown, has_more, key=key)
