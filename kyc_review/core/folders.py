"""Atomic creation of folders: written next to their final path, synced, then renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from kyc_review.core.files import sync_folder

CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def folder_make(path: Path) -> None:
    """A private folder (0700), with those of its parents that are missing, which `mkdir` would make for all to read."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path) -> BinaryIO:
    """A new file that only the service account reads (0600). Raises FileExistsError."""
    return open(path, "xb", opener=lambda p, flags: os.open(p, flags, 0o600))


def copy_hashed(source: Readable, target: BinaryIO | None) -> tuple[str, int]:
    """Copy a stream, or only read it; its SHA-256 and size in bytes."""
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest(), size_bytes


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def staging(parent: Path, name: str) -> Iterator[Path]:
    """A new folder `.{name}` in `parent` to fill and `publish`; whatever is left of it goes in the end."""
    folder_make(parent)
    folder = parent / f".{name}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, place: Path) -> None:
    """Rename a staged folder to its place on the same disk; what lies there already is moved out and removed."""
    sync_folder(folder)
    if place.exists():
        stale = place.with_name(f"{folder.name}.stale")
        place.rename(stale)
        shutil.rmtree(stale, ignore_errors=True)
    folder.rename(place)
    sync_folder(place.parent)


def leftovers_remove(parent: Path, *, prefix: str, older_than_s: float) -> None:
    """Remove staged folders that a killed process left behind."""
    for folder in parent.glob(f".{prefix}*"):
        try:
            age_s = time.time() - folder.stat().st_mtime
        except FileNotFoundError:
            continue
        if age_s > older_than_s:
            shutil.rmtree(folder, ignore_errors=True)
