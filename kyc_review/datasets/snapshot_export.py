"""Taking a snapshot away: its manifest, or all of it as one zip that is made while it is sent.

No temporary file and no more than a chunk in memory. Every download leaves an event.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from kyc_review.audit import services as audit
from kyc_review.datasets import manifest
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import file_open, image_names
from kyc_review.datasets.snapshot_pictures import SnapshotPictures

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# Fixed, so that the same snapshot is the same zip; images do not compress, so they are only stored.
DATE = (1980, 1, 1, 0, 0, 0)


class _Outbox:
    """The file that zipfile writes to; it buffers output until it is read."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def manifest_open(*, snapshot: Snapshot, actor: User) -> BinaryIO:
    """The open manifest. Raises OSError when the folder is gone."""
    file = file_open(snapshot)
    _record(snapshot, actor, "manifest")
    return file


def archive_stream(*, snapshot: Snapshot, actor: User) -> Iterator[bytes]:
    """`<name>/manifest.json` first, then the images by name. Raises OSError at the start when the folder is gone."""
    pieces = zip_stream(snapshot)
    _record(snapshot, actor, "archive")
    return pieces


def zip_stream(snapshot: Snapshot) -> Iterator[bytes]:
    """The archive of `archive_stream`, without a record of the download."""
    return _pieces(snapshot, [manifest.NAME, *image_names(snapshot)], SnapshotPictures.of(snapshot))


def _record(snapshot: Snapshot, actor: User, what: str) -> None:
    audit.record(
        action="snapshot.downloaded",
        actor=actor,
        target=snapshot,
        detail={"what": what, "name": snapshot.name, "manifest_sha256": snapshot.manifest_sha256},
    )


def _pieces(snapshot: Snapshot, names: list[str], pictures: SnapshotPictures) -> Iterator[bytes]:
    outbox = _Outbox()
    with ZipFile(outbox, "w", ZIP_STORED) as archive:
        for name in names:
            try:
                file = file_open(snapshot, name)
            except FileNotFoundError:  # erased since
                continue
            entry = ZipInfo(f"{snapshot.name}/{name}", DATE)
            file.seek(0, os.SEEK_END)
            entry.file_size = file.tell()  # tells zipfile whether it needs 64-bit sizes
            file.seek(0)
            entry.external_attr = 0o600 << 16
            with file, archive.open(entry, "w") as target:
                for chunk in pictures.pieces(file, name):
                    target.write(chunk)
                    yield outbox.take()
    yield outbox.take()
