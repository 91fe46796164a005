"""Signed headers outside the database: a file with one JSON object a line, to be shipped where nothing is rewritten.

A person with database and key could write a whole new history; it would not match what was sent out.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from itertools import takewhile, zip_longest
from pathlib import Path
from typing import IO, NamedTuple

from django.conf import settings

from kyc_review.audit.headers import header_text, signature_fault
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.signing import audit_dir, public_keys
from kyc_review.core.folders import folder_make

TAIL_BYTES = 8192


class RootsFileError(Exception):
    """The text names the file and the line."""


class PublishedRoot(NamedTuple):
    """`header` is the signed text, `signature` hexadecimal."""

    number: int
    header: str
    signature: str


def roots_file() -> Path:
    return Path(settings.AUDIT_ROOTS_FILE or audit_dir() / "roots.jsonl")


def root_lines(batches: Iterable[SealedBatch]) -> Iterator[str]:
    """A line for each batch."""
    for batch in batches:
        line = {
            "batch": batch.number,
            "header": header_text(batch),
            "signature": bytes(batch.signature).hex(),
        }
        yield json.dumps(line) + "\n"


def roots_publish() -> int:
    """Append the headers of all batches that the file does not have yet, up to one that is not signed by a trusted key;
    returns how many.

    Raises OSError, SigningKeyError, RootsFileError when the file holds something else.
    """
    path, keys = roots_file(), public_keys()
    folder_make(path.parent)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two workers that seal at once append one after the other
        tail = _tail(file)
        new = SealedBatch.objects.filter(number__gt=_last_number(path, tail)).defer("leaves")
        ordered = new.order_by("number").iterator(chunk_size=20)
        lines = list(root_lines(takewhile(lambda batch: not signature_fault(batch, keys), ordered)))
        if lines:
            begin = "" if not tail or tail.endswith(b"\n") else "\n"  # a killed process left half a line
            file.write((begin + "".join(lines)).encode())
            os.fsync(file.fileno())
    return len(lines)


def roots_read(path: Path) -> Iterator[PublishedRoot]:
    """The lines of such a file. Raises RootsFileError for a line that is none, OSError.

    Half a line of a process that was killed is passed over when the next line repeats it.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, (line, following) in enumerate(zip_longest(lines, lines[1:], fillvalue=""), 1):
        root = _parsed(line)
        if root:
            yield root
        elif not (line and following.startswith(line)):
            raise RootsFileError(f"{path}, line {number} is no published root")


def _parsed(line: str | bytes) -> PublishedRoot | None:
    try:
        read = json.loads(line)
        return PublishedRoot(int(read["batch"]), str(read["header"]), str(read["signature"]))
    except (KeyError, TypeError, ValueError):
        return None


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    return file.read()


def _last_number(path: Path, tail: bytes) -> int:
    """The number in the last complete line; 0 for an empty file. Raises RootsFileError."""
    if not tail:
        return 0
    for line in reversed(tail.splitlines()[-2:]):
        if root := _parsed(line):
            return root.number
    raise RootsFileError(f"{path} does not end with a published root; move it away, and a new one is written")
