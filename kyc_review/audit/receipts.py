"""Receipts: the events about one thing, each with the proof that a signed batch holds it.

A receipt is complete for a reader without database or network: `tools/verify_receipt.py` checks it.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import F, QuerySet, Value

from kyc_review.audit.headers import LEAF_COLUMNS, header_text, leaf_text
from kyc_review.audit.merkle import inclusion_proof, split_hashes
from kyc_review.audit.models import Event, SealedBatch
from kyc_review.core.db.rows import RowComparison

FORMAT = "kyc-review-receipt/1"
BY_ID = f"SELECT transaction, {LEAF_COLUMNS} FROM audit_event WHERE id = ANY(%s) ORDER BY id"  # noqa: S608


def receipt(*, submission_id: str, events: QuerySet[Event]) -> dict[str, Any]:
    """The JSON of a receipt: `events` with their texts and proofs, `batches` with signed headers.

    Events that are too new to be sealed are counted in `unsealed`. An event that was changed after it was sealed is
    told as it is now; then its proof does not fit, which the check says.
    """
    with connection.cursor() as cursor:
        cursor.execute(BY_ID, [list(events.values_list("pk", flat=True))])
        rows = cursor.fetchall()
    batches: dict[int, SealedBatch] = {}
    proven, unsealed = [], 0
    for transaction, *columns in rows:
        batch = _batch_of(columns[0], transaction, batches)
        if batch is None:
            unsealed += 1
            continue
        index = batch.ids().index(columns[0])
        proof = inclusion_proof(split_hashes(bytes(batch.leaves)), index)
        proven.append(
            {
                "event": leaf_text(*columns),
                "batch": batch.number,
                "index": index,
                "proof": [node.hex() for node in proof],
            }
        )
    used = {one["batch"] for one in proven}
    return {
        "format": FORMAT,
        "submission": submission_id,
        "events": proven,
        "unsealed": unsealed,
        "batches": [
            {"header": header_text(batch), "signature": bytes(batch.signature).hex()}
            for number, batch in sorted(batches.items())
            if number in used
        ],
    }


def _batch_of(event_id: int, transaction: int, known: dict[int, SealedBatch]) -> SealedBatch | None:
    """The batch that lists the event: the first whose end is at or after its place, in each time between two moves of
    the database into another cluster, or the first batch after such a move. None when it is not sealed."""
    for batch in known.values():
        if event_id in batch.ids():
            return batch
    place = (Value(transaction), Value(event_id - 1))  # later than this: at or after (transaction, event)
    end = RowComparison((F("through_transaction"), F("through_event")), ">", place)
    for since in SealedBatch.objects.values_list("events_after", flat=True).distinct():
        ahead = SealedBatch.objects.filter(end, events_after=since).order_by("number")
        resumption = SealedBatch.objects.filter(is_resumption=True, events_after=since)
        for batch in (*ahead[:1], *resumption):
            if event_id in batch.ids():
                known[batch.number] = batch
                return batch
    return None
