"""Rows that leave the database are written to a file before: JSON Lines, compressed, in the storage `archive`.

A file is never written twice. One whose transaction was rolled back stays behind; its rows are still there, and no
audit event names it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

ENDING = ".jsonl.gz"
# What must not raise before a file is written: whether the storage is that of the database, which an app above knows.
checks_before: list[Callable[[], None]] = []


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """sha256 and size_bytes: of the file as it is stored, compressed."""

    name: str
    sha256: str
    size_bytes: int

    @property
    def detail(self) -> dict[str, Any]:
        """For the audit event."""
        return {"file": self.name, "sha256": self.sha256, "bytes": self.size_bytes}


def archive_write(name: str, lines: Iterable[str]) -> ArchivedFile:
    """Durable when this returns. name: without ending, to which a random part is added. The file is held in memory.
    Raises what a check of `checks_before` raises; then nothing was written, and the rows must stay."""
    for check in checks_before:
        check()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
    content = buffer.getvalue()
    stored = storages["archive"].save(f"{name}-{uuid.uuid4().hex[:8]}{ENDING}", ContentFile(content))
    return ArchivedFile(stored, hashlib.sha256(content).hexdigest(), len(content))


def archive_lines(content: bytes) -> Iterator[str]:
    """The lines of an archived file. Raises OSError or EOFError when it is damaged."""
    with gzip.open(io.BytesIO(content), "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")
