"""Exports of whole tables as streams. Each leaves two audit events: who asked for what, and what was sent."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.http import StreamingHttpResponse
from django.utils.translation import gettext

from kyc_review.audit import services as audit
from kyc_review.core.db.inserted import insert
from kyc_review.core.permissions import Right, may_decide, may_read_audit_log, require
from kyc_review.records.columns import Period, Row, Table
from kyc_review.records.writers import Format, Writer, writer_of

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
INCOMPLETE = b"\nINCOMPLETE: this export failed; ask for it again (export %(id)b)\n"


@dataclass(frozen=True, slots=True)
class Export:
    """pieces: the bytes of the file. id: of its two audit events, which name it as their target."""

    id: str
    name: str
    media_type: str
    pieces: Iterator[bytes]


def may_export(user: User) -> bool:
    """Who reads the audit log and judges no faces: an export tells the outcome of all of them."""
    return may_read_audit_log(user) and not may_decide(user)


def require_export(user: User) -> None:
    """Raises PermissionDenied, which says what is in the way."""
    require(user, Right.READ_AUDIT_LOG)
    if not may_export(user):
        raise PermissionDenied(
            gettext(
                "An export tells what models and colleagues said of every face. Your account also decides on faces, "
                "so use one without the roles reviewer and senior."
            )
        )


def table_export(*, table: Table, period: Period, format: Format, actor: User | None) -> Export:
    """The rows of a period. actor: None for the operator of the server. Raises FormatUnavailable, PermissionDenied."""
    if actor is not None:
        require_export(actor)
    asked = {"since": period.since.isoformat(), "until": period.until.isoformat()}
    name = f"{table.name}-v{table.version}-{period.since}-{period.until}.{format}"
    return rows_export(
        table=table, rows=table.rows(period), format=format, actor=actor, asked=asked, name=name
    )


def rows_export(
    *,
    table: Table,
    rows: Iterator[Row],
    format: Format,
    actor: User | None,
    asked: dict[str, Any],
    name: str,
) -> Export:
    """`rows` in the columns of the table; the caller has checked who asks. asked: what the audit log says of the
    choice. Raises FormatUnavailable."""
    writer = writer_of(table, format)
    export = uuid4().hex
    told = {"records": table.name, "version": table.version, "format": format.value, **asked}
    _record("export.started", actor, export, told)
    return Export(export, name, writer.media_type, _pieces(rows, writer, actor, export, told))


def _pieces(
    rows: Iterator[Row], writer: Writer, actor: User | None, export: str, told: dict[str, Any]
) -> Iterator[bytes]:
    """Also when the reader leaves before the end, the log says how much was given out."""
    digest, count, size, is_complete = hashlib.sha256(), 0, 0, False

    def counted(piece: bytes) -> bytes:
        nonlocal size
        digest.update(piece)
        size += len(piece)
        return piece

    try:
        if first := writer.begin():
            yield counted(first)
        while batch := tuple(islice(rows, writer.rows_at_once)):
            count += len(batch)
            if piece := writer.batch(batch):
                yield counted(piece)
        if last := writer.end():
            yield counted(last)
        is_complete = True
    except Exception:
        # The server ends the answer as if it were whole. This line is neither JSON nor a row of the table, and a
        # Parquet file without its end is none, so that no reader takes the part for the whole.
        yield counted(INCOMPLETE % {b"id": export.encode()})
        raise
    finally:
        sent = {"rows": count, "bytes": size, "sha256": digest.hexdigest(), "is_complete": is_complete}
        _end_record(actor, export, told | sent)


def _end_record(actor: User | None, export: str, detail: dict[str, Any]) -> None:
    """By a new connection where that of the export is lost; in the log where there is none."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    try:
        _record("export.ended", actor, export, detail)
    except Error as error:
        log.error("the event export.ended of %s was not stored: %s; it has %s", export, error, detail)
        raise


def _record(action: str, actor: User | None, export: str, detail: dict[str, Any]) -> None:
    event = audit.event(action=action, actor=actor, detail=detail)
    event.target_kind, event.target_id = "export", export
    insert(event)


def export_response(export: Export) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(export.pieces, content_type=export.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{export.name}"'
    answer["Cache-Control"] = "private, no-store"
    answer["X-Export-Id"] = export.id
    return answer
