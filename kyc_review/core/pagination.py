"""Pages of the API's lists, newest first; `after` is the last row of the previous page, so new rows shift nothing."""

from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from kyc_review.core.problems import Problem

M = TypeVar("M", bound=Model)


def page_after(rows: QuerySet[M], *, after: M | None, limit: int, by: str = "pk") -> tuple[list[M], bool]:
    """Up to `limit` rows by falling `by`, then key, that follow `after`; and whether more follow."""
    if after is not None:
        value = getattr(after, by)
        behind = Q(**{f"{by}__lt": value})
        if by == "pk":
            rows = rows.filter(behind)
        else:  # the first condition alone lets an index begin at the page
            rows = rows.filter(Q(**{f"{by}__lte": value}), behind | Q(**{by: value}, pk__lt=after.pk))
    order = ["-pk"] if by == "pk" else [f"-{by}", "-pk"]
    found = list(rows.order_by(*order)[: limit + 1])
    return found[:limit], len(found) > limit


def page_end(rows: list[M], has_more: bool, *, key: str = "pk") -> dict[str, Any]:
    """What a page says of the next one; `key` is the field whose value is sent as `after`."""
    return {"has_more": has_more, "next": getattr(rows[-1], key) if has_more else None}


def invalid_cursor(why: str) -> Problem:
    """For an `after` that names no row of the list: `after` is `why`."""
    return Problem(
        status=400,
        code="invalid_cursor",
        detail=f"`after` is {why}; send `next` of the previous page.",
        parameter="after",
    )
