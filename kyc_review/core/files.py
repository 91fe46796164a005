"""Durable and private files; standard library only."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO


class StorageUnavailable(OSError):
    """The place of the files does not answer, refuses or is full: says nothing about a file, and must be tried again.

    The text says why, for the log.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(errno.EIO, reason, name)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a storage lists of one file; `size_bytes` as it is stored, encrypted or not."""

    name: str
    size_bytes: int
    modified_at: datetime


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step; the file is 0600 from its first byte on."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; costs little after a file in it was synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that must not exist yet, 0600, open for writing; gone again when the block fails. Raises OSError."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise
