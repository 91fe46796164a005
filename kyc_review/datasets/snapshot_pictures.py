"""The pictures of a snapshot: encrypted with a data key of its own, read through memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

from encrypted_files import stream
from kyc_review.datasets.models import Snapshot
from kyc_review.encryption import keys


def snapshot_scope(snapshot: Snapshot) -> str:
    """The scope of the data key of its pictures and its mean faces."""
    return f"snapshot/{snapshot.name}"


@dataclass(frozen=True, slots=True)
class SnapshotPictures:
    """Reads and writes files of a snapshot. prefix: what their names begin with; key: None leaves them unencrypted."""

    prefix: str
    key: bytes | None

    @classmethod
    def of(cls, snapshot: Snapshot) -> SnapshotPictures:
        """Of one that is built. Raises KeysUnavailable."""
        row = keys.data_keys_of([scope := snapshot_scope(snapshot)]).get(scope)
        return cls(f"snapshots/{snapshot.name}", keys.unwrapped(row) if row else None)

    @classmethod
    def begin(cls, snapshot: Snapshot) -> SnapshotPictures:
        """Of one that is being built: it gets a data key while encryption is on. Raises KeysUnavailable."""
        if keys.is_on():
            keys.data_key_ensure(snapshot_scope(snapshot))
        return cls.of(snapshot)

    def pieces(self, file: IO[bytes], name: str) -> Iterator[bytes]:
        """The content of an open file that is called `name` in the snapshot. Raises FileUnreadable, OSError."""
        is_encrypted = stream.is_encrypted(file.read(len(stream.MARK)))
        file.seek(0)
        if not is_encrypted:
            yield from stream.pieces_of(file)
            return
        if self.key is None:
            held = f"{self.prefix}/{name}"
            raise stream.FileUnreadable(held, f"{held} is encrypted, and the database has no data key for it")
        yield from stream.decrypt_stream(file, key=self.key, name=f"{self.prefix}/{name}")

    def sha256_of(self, file: IO[bytes], name: str) -> str:
        """Of the content. Raises as `pieces`."""
        digest = hashlib.sha256()
        for piece in self.pieces(file, name):
            digest.update(piece)
        return digest.hexdigest()

    def stored(self, content: bytes, name: str) -> bytes:
        """The whole file for this content."""
        if self.key is None:
            return content
        return stream.encrypt(content, key=self.key, name=f"{self.prefix}/{name}")

    def write(self, source: stream.Readable, target: BinaryIO, name: str) -> None:
        """Copy a content into a new file of the snapshot."""
        pieces = (
            stream.pieces_of(source)
            if self.key is None
            else stream.encrypt_stream(source, key=self.key, name=f"{self.prefix}/{name}")
        )
        for piece in pieces:
            target.write(piece)
