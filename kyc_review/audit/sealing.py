"""Seals what is settled: a Merkle tree over the events of a batch, its root chained to the one before and signed.

No request waits for it. An event belongs to a batch by (transaction, id), not by id alone: ids have gaps where
transactions were rolled back, and a transaction that ends late holds lower ids than others that were sealed long ago.
A batch takes transactions below the oldest that still runs (`pg_snapshot_xmin`): all of these have ended, so none of
them can add an event any more.
"""

from __future__ import annotations

import itertools
import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Value

from kyc_review.audit.headers import (
    LEAF_COLUMNS,
    header_hash,
    header_text,
    leaf_text,
    pack_ids,
    signature_fault,
)
from kyc_review.audit.listed import EventIds, unlisted_events
from kyc_review.audit.merkle import HASH_BYTES, leaf_hash, root_hash
from kyc_review.audit.models import Event, SealedBatch
from kyc_review.audit.services import record
from kyc_review.audit.signing import key_id, public_key_keep, public_keys, signing_key
from kyc_review.core.db.locks import lock_for_transaction, lock_if_free
from kyc_review.core.db.rows import RowComparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)
BATCH_MAX = 10_000
REFUSED = "audit.batch_refused"
RUN_BATCHES, RUN_MAX_S = 20, 5.0  # of one run of the task, which takes a thread of the default worker
LOCK = 0x6B79_6361_7564  # "kycaud": one process seals at a time
CURSOR = ("through_transaction", "through_event", "events_after")
# The time is the statement's, from before its snapshot: what has a higher transaction came later.
HORIZON = """SELECT statement_timestamp(), (SELECT system_identifier::text FROM pg_control_system()),
    pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() AS s"""
SETTLED = f"""SELECT transaction, {LEAF_COLUMNS} FROM audit_event
    WHERE (transaction, id) > (%(transaction)s, %(event)s) AND transaction < %(horizon)s AND id > %(events_after)s
    ORDER BY transaction, id LIMIT %(limit)s"""  # noqa: S608  (columns of our own)
BY_ID = f"SELECT transaction, {LEAF_COLUMNS} FROM audit_event WHERE id = ANY(%(ids)s) ORDER BY id"  # noqa: S608
FOREIGN = "SELECT max(id) FROM audit_event WHERE transaction >= %(next)s"


class ChainRefused(Exception):
    """The latest batch is not what a sealer signed; the text says which, and what to do."""

    def __init__(self, batch: SealedBatch, fault: str) -> None:
        self.batch, self.fault = batch, fault
        super().__init__(
            f"the audit log is not sealed any more, because its latest batch is not ours: {fault}. Find out who "
            'inserted it, and act as docs/audit.md says ("The sealer refuses the latest batch")'
        )


class Horizon(NamedTuple):
    """What the database knew at one moment: transactions below `oldest` have ended, none is as high as `next`."""

    at: datetime
    cluster: str
    oldest: int
    next: int


def seal_all() -> int:
    """Seal batches until everything that is settled is sealed; how many events that were. Safe to run twice at once:
    each batch waits for the other process.

    Raises SigningKeyError without a key, ChainRefused.
    """
    return _seal_while(batch_seal, lambda: True)


def seal_some() -> int:
    """As `seal_all`, for a thread that has other work: at once 0 where another process seals, and no new batch after
    RUN_MAX_S seconds or RUN_BATCHES batches. What is left is for the next run.

    Raises SigningKeyError without a key, ChainRefused.
    """
    ends_at = time.monotonic() + RUN_MAX_S
    batches = itertools.count(1)
    return _seal_while(batch_seal_if_free, lambda: next(batches) < RUN_BATCHES and time.monotonic() < ends_at)


def _seal_while(seal: Callable[[], SealedBatch | None], may_go_on: Callable[[], bool]) -> int:
    sealed = 0
    while batch := seal():
        sealed += batch.size
        if batch.size < BATCH_MAX or not may_go_on():
            break
    return sealed


@transaction.atomic
def batch_seal(*, accepted: int | None = None) -> SealedBatch | None:
    """Seal the next batch, after another process that seals; None when no event is settled that is not sealed.

    accepted: the number of a latest batch that a person looked at, and that is built on although its signature is
    wrong or its key is unknown. Raises SigningKeyError without a key, ChainRefused.
    """
    lock_for_transaction(LOCK)
    return _next_batch(accepted)


@transaction.atomic
def batch_seal_if_free() -> SealedBatch | None:
    """As `batch_seal`, and None where another process seals."""
    return _next_batch() if lock_if_free(LOCK) else None


def refusal_record(refused: ChainRefused) -> None:
    """One event for each refused batch; as it is not sealed either, `kyc_unsealed_events_seconds` calls a person."""
    seen = Event.objects.filter(action=REFUSED, detail__batch=refused.batch.number)
    if not seen.exists():
        record(action=REFUSED, detail={"batch": refused.batch.number, "fault": refused.fault})


def _next_batch(accepted: int | None = None) -> SealedBatch | None:
    """The caller holds LOCK."""
    last = SealedBatch.objects.defer("leaves").order_by("-number").first()
    if last and last.number != accepted and (fault := signature_fault(last, public_keys())):
        raise ChainRefused(last, fault)
    seen = horizon()
    if last and (seen.cluster != last.cluster or seen.oldest < last.through_transaction):
        return _resume(last, seen)
    events_after = last.events_after if last else 0
    values = {
        "transaction": last.through_transaction if last else 0,
        "event": last.through_event if last else 0,
        "horizon": seen.oldest,
        "events_after": events_after,
        "limit": BATCH_MAX,
    }
    rows = _fetch(SETTLED, values)
    if not rows:
        return None
    through = (rows[-1][0], rows[-1][1]) if len(rows) == BATCH_MAX else (seen.oldest, 0)
    return _seal(rows, last, seen, through=through, events_after=events_after)


def oldest_unsealed_at() -> datetime | None:
    """When the first event happened that is in no batch yet; None when all are sealed."""
    last = SealedBatch.objects.order_by("-number").only(*CURSOR).first()
    rows = Event.objects.order_by("transaction", "id")
    if last:
        end = (Value(last.through_transaction), Value(last.through_event))
        later = RowComparison((F("transaction"), F("id")), ">", end)
        rows = rows.filter(later, id__gt=last.events_after)
    return rows.values_list("at", flat=True).first()


def _resume(last: SealedBatch, horizon: Horizon) -> SealedBatch:
    """After a dump was restored into another cluster, transaction ids begin again and mean nothing for older events.

    One batch takes all that is settled and in no batch. Events of this cluster have higher ids than all that were
    restored, because the dump restores the sequence, too; so the highest restored id separates the two.
    """
    log.warning("the database was moved into another cluster: sealing resumes after batch %s", last.number)
    listed, highest = EventIds(), 0
    for batch in SealedBatch.objects.only("event_ids").iterator(chunk_size=100):
        ids = batch.ids()
        listed.add(ids)
        highest = max([highest, *ids])
    foreign = _fetch(FOREIGN, {"next": horizon.next})[0][0]
    events_after = max(highest, foreign or 0)
    ids = [
        event_id
        for event_id, number in unlisted_events(listed)
        if event_id <= events_after or number < horizon.oldest
    ]
    rows = _fetch(BY_ID, {"ids": ids})
    return _seal(
        rows, last, horizon, through=(horizon.oldest, 0), events_after=events_after, is_resumption=True
    )


def _seal(
    rows: list[tuple[Any, ...]],
    last: SealedBatch | None,
    horizon: Horizon,
    *,
    through: tuple[int, int],
    events_after: int,
    is_resumption: bool = False,
) -> SealedBatch:
    key = signing_key()
    leaves = [leaf_hash(leaf_text(*row[1:]).encode()) for row in rows]
    batch = SealedBatch(
        number=last.number + 1 if last else 1,
        sealed_at=horizon.at,
        cluster=horizon.cluster,
        is_resumption=is_resumption,
        events_after=events_after,
        through_transaction=through[0],
        through_event=through[1],
        next_transaction=horizon.next,
        size=len(rows),
        event_ids=pack_ids([row[1] for row in rows]),
        leaves=b"".join(leaves),
        root=root_hash(leaves),
        previous=header_hash(last) if last else bytes(HASH_BYTES),
    )
    return _sign(batch, key)


def _sign(batch: SealedBatch, key: Ed25519PrivateKey) -> SealedBatch:
    batch.key_id = key_id(key.public_key())
    batch.signature = key.sign(header_text(batch).encode())
    public_key_keep(key.public_key())
    batch.save(force_insert=True)
    return batch


def horizon() -> Horizon:
    """What the database knows now."""
    return Horizon(*_fetch(HORIZON, {})[0])


def _fetch(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
