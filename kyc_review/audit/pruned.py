"""Events that were taken out of the log, and whether what is missing is what the log says was taken out."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import storages

from kyc_review.audit.headers import header_text
from kyc_review.audit.merkle import leaf_hash, split_hashes
from kyc_review.audit.models import Event, SealedBatch
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.row_archive import archive_lines

PRUNED = "audit.pruned"
# What every submission writes. Acts of people are never pruned; `uncompared` counts the records of what is.
PRUNED_ACTIONS = ("submission.received", "submission.scored")


@dataclass
class Pruning:
    """One file of events, and what the event says of it. missing: how many of its batches' events are not there now."""

    event_id: int
    from_batch: int
    through_batch: int
    deleted: int
    file: str
    sha256: str
    missing: int = 0

    def __str__(self) -> str:
        return f"batch {self.from_batch} to {self.through_batch}"


def prunings_read() -> tuple[list[Pruning], list[str]]:
    """All of them by their batches, and problems: events that say something else than a pruning writes."""
    found: list[Pruning] = []
    problems = []
    for key, detail in Event.objects.filter(action=PRUNED).order_by("pk").values_list("pk", "detail"):
        try:
            found.append(_read(key, detail))
        except (KeyError, TypeError, ValueError):
            problems.append(f"no pruning: event {key} does not say what was pruned")
    found.sort(key=lambda one: one.from_batch)
    for before, after in itertools.pairwise(found):
        if after.from_batch <= before.through_batch:
            problems.append(
                f"pruned twice: events {before.event_id} and {after.event_id} name the same batches"
            )
    return found, problems


def _read(key: int, detail: dict[str, Any]) -> Pruning:
    return Pruning(
        event_id=key,
        from_batch=int(detail["from_batch"]),
        through_batch=int(detail["through_batch"]),
        deleted=int(detail["deleted"]),
        file=str(detail["file"]),
        sha256=str(detail["sha256"]),
    )


def counts_problems(prunings: list[Pruning]) -> Iterator[str]:
    """Of as many events as the log says were taken out, none more may be missing."""
    for one in prunings:
        if one.missing != one.deleted:
            yield (
                f"missing: {one.missing} events of {one}, where {one.deleted} were pruned (event {one.event_id}): "
                "`--archive` names them"
            )


def archive_problems(prunings: list[Pruning]) -> Iterator[str]:
    """Compares every file of the archive with the seals: each line is the text of a leaf. Raises StorageUnavailable."""
    for one in prunings:
        try:
            content = file_read(one)
        except FileRefused as refused:
            yield str(refused)
        else:
            yield from _lines_problems(one, content)


class FileRefused(Exception):
    """The file of a pruning is missing or another one; the text says which."""


def file_read(one: Pruning) -> bytes:
    """The file as it was written. Raises FileRefused, StorageUnavailable."""
    try:
        with storages["archive"].open(one.file) as file:
            content: bytes = file.read()
    except StorageUnavailable:  # says nothing about the file
        raise
    except OSError as error:
        raise FileRefused(f"not in the archive: {one.file} of {one} ({error})") from error
    if hashlib.sha256(content).hexdigest() != one.sha256:
        raise FileRefused(f"changed: {one.file} of the archive is not what event {one.event_id} names")
    return content


def _lines_problems(one: Pruning, content: bytes) -> Iterator[str]:
    leaves: list[bytes] = []
    kept: list[int] = []
    number, expected = one.from_batch - 1, b""  # the batch that is being read, and its leaves
    for line in archive_lines(content):
        fields = json.loads(line)
        if "header" not in fields:
            leaves.append(leaf_hash(line.encode()))
            if fields["action"] not in PRUNED_ACTIONS:
                kept.append(fields["id"])
            continue
        if leaves != split_hashes(expected):
            yield f"changed: batch {number} in {one.file} is not what was sealed"
        batch = SealedBatch.objects.filter(number=number + 1).first()
        if batch is None or fields["header"] != header_text(batch):
            yield f"changed: {one.file} has another batch in the place of {number + 1}"
            return
        leaves, number, expected = [], batch.number, bytes(batch.leaves)
    if leaves != split_hashes(expected) or number != one.through_batch:
        yield f"changed: batch {number} in {one.file} is not what was sealed, or is not the last"
    there = set(Event.objects.filter(pk__in=kept).values_list("pk", flat=True))
    if gone := sorted(set(kept) - there):
        yield f"missing: event {', '.join(map(str, gone[:20]))} ({one}); none of its kind is ever pruned"
