"""Compares the audit log with its seals, and the seals with each other, with trusted keys and with published roots."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from kyc_review.audit.headers import LEAF_COLUMNS, header_hash, header_text, leaf_text, signature_fault
from kyc_review.audit.listed import EventIds, unlisted_events
from kyc_review.audit.merkle import HASH_BYTES, leaf_hash, root_hash, split_hashes
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.pruned import Pruning, archive_problems, counts_problems, prunings_read
from kyc_review.audit.roots import PublishedRoot

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EVENTS_AT_ONCE = 10_000
BY_ID = f"SELECT {LEAF_COLUMNS} FROM audit_event WHERE id = ANY(%s)"  # noqa: S608  (columns of our own)
# A clock that is set back by less than this is no forgery.
CLOCK_TOLERANCE = timedelta(minutes=1)
# Settled events are sealed every few seconds; a transaction that runs longer than this holds all of them up.
UNSEALED_MAX = timedelta(minutes=15)
IDS_NAMED = 20

Say = Callable[[str], None]


@dataclass
class Report:
    """What a verification found. Intact means: no problem, and at least one batch."""

    batches: int = 0
    events: int = 0
    unsealed: int = 0
    resumptions: list[int] = field(default_factory=list)
    last: SealedBatch | None = None
    problems: list[str] = field(default_factory=list)
    prunings: list[Pruning] = field(default_factory=list)

    def pruning_of(self, batch: int) -> Pruning | None:
        """The pruning that this batch was part of."""
        place = bisect_right(self.prunings, batch, key=lambda one: one.from_batch) - 1
        return self.prunings[place] if place >= 0 and batch <= self.prunings[place].through_batch else None

    def of_events(self, kind: str, batch: int | None, ids: Iterable[int]) -> None:
        """One problem for all these events; nothing without any."""
        if ids := sorted(ids):
            named = ", ".join(map(str, ids[:IDS_NAMED]))
            more = f" and {len(ids) - IDS_NAMED} more" if len(ids) > IDS_NAMED else ""
            place = f" (batch {batch})" if batch is not None else ""
            self.problems.append(f"{kind}: event {named}{more}{place}")


@dataclass
class Chain:
    """What the batches up to here determine for the next one."""

    keys: Mapping[str, Ed25519PublicKey]
    published: dict[int, PublishedRoot]
    last: SealedBatch | None = None
    retired_keys: set[str] = field(default_factory=set)
    # (next_transaction, sealed_at) of batches whose time may become the earliest time of later events.
    moments: deque[tuple[int, datetime]] = field(default_factory=deque)
    earliest: datetime | None = None


@transaction.atomic
def verify(
    *, keys: Mapping[str, Ed25519PublicKey], published: Iterable[PublishedRoot] = (), archive: bool = False
) -> Report:
    """Read every batch and every event and compare them.

    keys: trusted public keys by id. published: headers that were kept outside the database. archive:
    read the files of pruned events, too. All is read in one
    snapshot, so events that come meanwhile do not matter. Memory: a chunk of events, and a bit for each event.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    report, listed = Report(), EventIds()
    report.prunings, report.problems = prunings_read()
    chain = Chain(keys, {root.number: root for root in published})
    chunk: list[tuple[SealedBatch, datetime | None]] = []
    for batch in SealedBatch.objects.order_by("number").iterator(chunk_size=20):
        _check_batch(batch, chain, report)
        report.of_events("listed twice", batch.number, listed.add(batch.ids()))
        chunk.append((batch, chain.earliest))
        report.batches += 1
        report.events += batch.size
        chain.last = batch
        if sum(one.size for one, _ in chunk) >= EVENTS_AT_ONCE:
            _check_events(chunk, report)
            chunk = []
    _check_events(chunk, report)
    report.last = chain.last
    report.problems += [
        *counts_problems(report.prunings),
        *(archive_problems(report.prunings) if archive else ()),
    ]
    _check_published(chain, report)
    _check_unlisted(listed, chain.last, report)
    if not report.batches:
        report.problems.append("no batch was ever sealed: is the default worker running, and has it a key?")
    return report


def _check_batch(batch: SealedBatch, chain: Chain, report: Report) -> None:
    """The batch by itself, and as the successor of the one before."""
    problems, number, last = report.problems, batch.number, chain.last
    expected = last.number + 1 if last else 1
    if number != expected:
        gap = f"batch {expected}" + (f" to {number - 1}" if number > expected + 1 else "")
        problems.append(f"missing: {gap}")
    elif bytes(batch.previous) != (header_hash(last) if last else bytes(HASH_BYTES)):
        problems.append(f"broken chain: batch {number} does not follow from the one before, as that is now")
    if fault := signature_fault(batch, chain.keys):
        problems.append(fault)
    if batch.key_id in chain.retired_keys:
        problems.append(f"retired key: batch {number} is signed with {batch.key_id}, after a newer key")
    if last and last.key_id != batch.key_id:
        chain.retired_keys.add(last.key_id)
    if (published := chain.published.pop(number, None)) and published.header != header_text(batch):
        problems.append(f"not as published: batch {number} differs from the header that was sent out")
    _follow_time(batch, chain, report)


def _follow_time(batch: SealedBatch, chain: Chain, report: Report) -> None:
    """Sets `chain.earliest`: before this time, no event of this batch can have been written.

    Its events have transactions that an earlier batch's moment did not know yet, so they came after that moment.
    """
    last = chain.last
    if batch.is_resumption or last is None:
        chain.moments.clear()
        chain.earliest = None
        if batch.is_resumption:
            report.resumptions.append(batch.number)
    else:
        while chain.moments and chain.moments[0][0] <= last.through_transaction:
            chain.earliest = chain.moments.popleft()[1]
        if batch.sealed_at < last.sealed_at - CLOCK_TOLERANCE:
            report.problems.append(f"back-dated: batch {batch.number} is older than the one before")
    chain.moments.append((batch.next_transaction, batch.sealed_at))


def _check_events(chunk: list[tuple[SealedBatch, datetime | None]], report: Report) -> None:
    """The events that these batches list, read once."""
    ids = [event_id for batch, _ in chunk for event_id in batch.ids()]
    found: dict[int, tuple[datetime, bytes]] = {}
    with connection.cursor() as cursor:
        cursor.execute(BY_ID, [ids])
        for row in cursor:
            found[row[0]] = row[1], leaf_hash(leaf_text(*row).encode())
    for batch, earliest in chunk:
        _compare(batch, earliest, found, report)


def _compare(
    batch: SealedBatch, earliest: datetime | None, found: dict[int, tuple[datetime, bytes]], report: Report
) -> None:
    number, ids = batch.number, batch.ids()
    leaves = split_hashes(bytes(batch.leaves)[: HASH_BYTES * batch.size])
    if root_hash(leaves) != bytes(batch.root) or not len(leaves) == len(ids) == batch.size:
        report.problems.append(f"wrong root: the leaves of batch {number} do not give its signed root")
    changed, missing, dated = [], [], []
    latest = batch.sealed_at + CLOCK_TOLERANCE
    for event_id, leaf in zip_longest(ids, leaves[: len(ids)]):
        if event_id not in found:
            missing.append(event_id)
            continue
        at, now = found[event_id]
        if now != leaf:
            changed.append(event_id)
        elif at > latest or (earliest and at < earliest - CLOCK_TOLERANCE):
            dated.append(event_id)
    report.of_events("changed", number, changed)
    if pruning := report.pruning_of(number):
        pruning.missing += len(missing)
    else:
        report.of_events("missing", number, missing)
    report.of_events("back-dated or post-dated", number, dated)


def _check_published(chain: Chain, report: Report) -> None:
    """What was sent out and is not there any more: the end of the chain was cut off, or an older backup restored."""
    for number in sorted(chain.published):
        report.problems.append(f"missing: batch {number}, which was sent out")


def _check_unlisted(listed: EventIds, last: SealedBatch | None, report: Report) -> None:
    """An event in no batch is new, or it was put where everything is settled and sealed."""
    inserted = []
    oldest_unsealed: int | None = None
    for event_id, number in unlisted_events(listed):
        is_new = last is None or (
            event_id > last.events_after
            and (number, event_id) > (last.through_transaction, last.through_event)
        )
        if is_new:
            report.unsealed += 1
            oldest_unsealed = oldest_unsealed or event_id
        else:
            inserted.append(event_id)
    report.of_events("inserted after its time was sealed", None, inserted)
    if oldest_unsealed is not None:
        _check_age(oldest_unsealed, report)


def _check_age(event_id: int, report: Report) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT at FROM audit_event WHERE id = %s", [event_id])
        at: datetime = cursor.fetchone()[0]
    if timezone.now() - at > UNSEALED_MAX:
        report.problems.append(
            f"not sealed: event {event_id} of {at:%Y-%m-%d %H:%M:%S %Z} and {report.unsealed - 1} more; see the log "
            "of the default worker (no key?), and for transactions that run for long"
        )


def notes(report: Report) -> Iterator[str]:
    """What a reader should know although it is no sign of tampering."""
    if report.prunings:
        pruned, last = sum(one.missing for one in report.prunings), report.prunings[-1]
        yield (
            f"Pruned up to batch {last.through_batch}: {pruned} events, which are in {len(report.prunings)} files of "
            f"the archive; the latest is {last.file}, SHA-256 {last.sha256}. `--archive` reads them."
        )
    if report.unsealed:
        yield f"{report.unsealed} events are too new to be sealed."
    for number in report.resumptions:
        yield f"Batch {number} is the first after a move into another cluster: its events' times are not checked."
