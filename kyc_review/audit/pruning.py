"""Takes mass events that are old out of the log, after they were written to the archive. Their seals stay.

Only the owner of the table can: `manage.py audit prune`, and only with AUDIT_KEPT_DAYS. Whole batches are written, each
event as the text that was sealed, so that a file proves itself against the batches' signed roots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from kyc_review.audit.headers import LEAF_COLUMNS, header_text, leaf_text
from kyc_review.audit.merkle import leaf_hash, split_hashes
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.pruned import PRUNED, PRUNED_ACTIONS, prunings_read
from kyc_review.audit.services import record
from kyc_review.core.db.clock import database_now
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.row_archive import archive_write

LOCK = 0x6B79_6361_7072  # "kycapr": one process prunes at a time
FILE_EVENTS = 50_000  # of one transaction and one file, and what the last batch has in addition
BY_ID = f"SELECT {LEAF_COLUMNS} FROM audit_event WHERE id = ANY(%s)"  # noqa: S608  (columns of our own)
DELETE = "DELETE FROM audit_event WHERE id = ANY(%s) AND action = ANY(%s)"
ALLOW = "SET LOCAL kyc_review.audit_pruning = 'on'"  # the trigger (migration 0009) asks for it


class PruningRefused(Exception):
    """The text says why, and what to do."""


@transaction.atomic
def prune_next() -> dict[str, Any] | None:
    """Write the next batches that were sealed more than AUDIT_KEPT_DAYS ago to a file, and delete what is pruned of
    them; what the audit event says of it, None when nothing is old enough.

    Raises PruningRefused without the setting, and where a batch is not as it was sealed.
    """
    if not settings.AUDIT_KEPT_DAYS:
        raise PruningRefused("AUDIT_KEPT_DAYS is not set: the audit log is kept without limit.")
    lock_for_transaction(LOCK)
    batches = _next_batches()
    if not batches:
        return None
    texts = _texts([key for batch in batches for key in batch.ids()])
    for batch in batches:
        leaves = split_hashes(bytes(batch.leaves))
        if [leaf_hash(texts.get(key, "").encode()) for key in batch.ids()] != leaves:
            raise PruningRefused(
                f"Batch {batch.number} is not as it was sealed: see `manage.py audit verify`. Nothing was deleted."
            )
    first, last = batches[0], batches[-1]
    name = f"audit-events/{first.sealed_at:%Y-%m}/{first.number}-{last.number}"
    archived = archive_write(name, _lines(batches, texts))
    with connection.cursor() as cursor:
        cursor.execute(ALLOW)
        cursor.execute(DELETE, [list(texts), list(PRUNED_ACTIONS)])
        deleted = cursor.rowcount
    counts = {"events": len(texts), "deleted": deleted}
    detail = {"from_batch": first.number, "through_batch": last.number} | counts | archived.detail
    record(action=PRUNED, detail=detail)
    return detail


def _next_batches() -> list[SealedBatch]:
    prunings, problems = prunings_read()
    if problems:
        raise PruningRefused(f"{problems[0]}. See `manage.py audit verify`.")
    through = max((one.through_batch for one in prunings), default=0)
    before = database_now() - timedelta(days=settings.AUDIT_KEPT_DAYS)
    found, events = [], 0
    for batch in SealedBatch.objects.filter(number__gt=through).order_by("number").iterator(chunk_size=20):
        if batch.sealed_at >= before or events >= FILE_EVENTS:
            break
        found.append(batch)
        events += batch.size
    return found


def _texts(ids: list[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(BY_ID, [ids])
        return {row[0]: leaf_text(*row) for row in cursor}


def _lines(batches: list[SealedBatch], texts: dict[int, str]) -> Iterator[str]:
    """Each batch's signed header, then its events in the order of the leaves."""
    for batch in batches:
        yield json.dumps({"header": header_text(batch), "signature": bytes(batch.signature).hex()})
        for key in batch.ids():
            yield texts[key]
