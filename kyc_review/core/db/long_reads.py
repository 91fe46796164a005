"""Reads many rows in a web process, where a statement may take longer than others (docs/deploy.md)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Model, QuerySet

ROWS_AT_ONCE = 1000
M = TypeVar("M", bound=Model)


def rows_streamed(rows: QuerySet[M]) -> Iterator[M]:
    """By a server-side cursor, and what belongs to the rows for as many at once.

    Outside of a transaction the server reads all rows before it gives the first one. Its `statement_timeout` does not
    end that, and the limit of other requests must not, so each call waits EXPORT_WAIT_S.
    """
    found = rows.iterator(chunk_size=ROWS_AT_ONCE)
    while True:
        with _long_wait():
            batch = list(islice(found, ROWS_AT_ONCE))
        if not batch:
            return
        yield from batch


def _long_wait() -> AbstractContextManager[None]:
    """Commands wait without end already."""
    if not connection.answer_wait:  # type: ignore[attr-defined]
        return nullcontext()
    return connection.answers_within(settings.EXPORT_WAIT_S)  # type: ignore[attr-defined]
