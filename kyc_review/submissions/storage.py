"""Private files: readable by the service account only, durable before the row that names them."""

import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import Literal, cast

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils.deconstruct import deconstructible

from encrypted_files.stream import FileDamaged
from kyc_review.core.files import StoredFile, new_file, sync_folder
from kyc_review.core.folders import folder_make
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.encryption.storage import EncryptedStorage

REFERENCE_SUFFIX = ".reference"


class OriginalMissing(Exception):
    """The storage has no original of this submission, or it cannot be decrypted now."""


class OriginalLocked(OriginalMissing):
    """The storage has the original, but a key-encryption key to decrypt it is missing; the text says which."""


class OriginalUnavailable(OriginalMissing):
    """The storage does not answer, so it is not known whether it has the original; the text says why."""


@deconstructible(path="kyc_review.submissions.storage.PrivateStorage")
class PrivateStorage(FileSystemStorage):
    """Files with mode 0600 in folders with mode 0700, whole or absent; saved again, the later replaces the earlier."""

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        _write(temporary, content, mode="wb")
        os.replace(temporary, path)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # keys are unique by construction

    def replace(self, name: str, content: File) -> None:
        """Put another content in the place of a file, durably and in one step."""
        PrivateStorage._save(self, name, content)
        sync_folder(Path(self.path(name)).parent)

    def local_path(self, name: str) -> str | None:
        """The file itself, for processes that read files and know no storage; None where a storage has none here."""
        return self.path(name)

    def copy_to(self, name: str, path: Path) -> None:
        """A private copy. Raises FileNotFoundError, FileExistsError."""
        with self.open(name) as source, new_file(path) as file:
            shutil.copyfileobj(source, file)

    def delete_below(self, folder: str) -> None:
        """All files whose names begin with `<folder>/`, and their folders. Safe to repeat."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path(folder))

    def files_below(self, folder: str = "") -> Iterator[StoredFile]:
        """All files whose names begin with `<folder>/`; without it, all. Half-written ones are none."""
        root = Path(self.location)
        for place, folders, names in os.walk(root / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(place, name)
                try:
                    found = path.stat()
                except FileNotFoundError:  # deleted meanwhile
                    continue
                if not name.startswith("."):
                    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield StoredFile(path.relative_to(root).as_posix(), found.st_size, modified_at)

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no URL.")


@deconstructible(path="kyc_review.submissions.storage.DurableStorage")
class DurableStorage(PrivateStorage):
    """Private files that are written once and that a power cut cannot take away after `save` has returned.

    A file is made under its own name: a rename would come after the sync and could be undone. An interrupted
    write leaves a partial file that no client was told of.
    """

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        _write(path, content, mode="xb")
        sync_folder(path.parent)
        return name


def _write(path: Path, content: File, *, mode: Literal["wb", "xb"]) -> None:
    """The content, synced to disk; the file is gone again when that fails."""
    file = _created(path, mode)
    try:
        with file:
            for chunk in content.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _created(path: Path, mode: Literal["wb", "xb"]) -> BufferedWriter:
    """The file, open for writing; its folder is made where it is missing, seldom."""

    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    try:
        return open(path, mode, opener=private)
    except FileNotFoundError:
        folder_make(path.parent)
        sync_folder(path.parent.parent)
        return open(path, mode, opener=private)


def storage_key(submission_id: uuid.UUID) -> str:
    """`xx/<hex>`: with an extension, the key of a submission's file; as a prefix, that of its evidence pictures."""
    return f"{submission_id.hex[:2]}/{submission_id.hex}"


def reference_key(submission_id: uuid.UUID) -> str:
    """The key of a submission's reference image among the originals; erasure needs no row to know it."""
    return f"{storage_key(submission_id)}{REFERENCE_SUFFIX}"


def keys_below(storage: Storage, prefix: str) -> list[str]:
    """The keys `<prefix>/<name>` that the storage has; none when it has no such folder.

    Asks for no folder's existence: an object store has keys only, and would always answer that there is none.
    """
    try:
        _, names = storage.listdir(prefix)
    except FileNotFoundError:
        return []
    return [f"{prefix}/{name}" for name in names]


# What lies beneath them offers what PrivateStorage adds to FileSystemStorage; see ObjectStorage.
originals = cast(EncryptedStorage, storages["originals"])
derivatives = cast(EncryptedStorage, storages["derivatives"])


def is_remote() -> bool:
    """Whether originals are in an object storage: each look at it is a request over the network."""
    return isinstance(originals.beneath, ObjectStorage)


def original_read(key: str, known: Mapping[str, DataKey] | None = None) -> bytes:
    """A submission's original. known: its data key, found before by `originals.data_keys`; without it, the database is
    asked. Raises OriginalMissing, its kind OriginalLocked when a key-encryption key is missing, its kind
    OriginalUnavailable when the storage does not answer or a disk or a network folder fails (EIO, ESTALE); FileDamaged.
    """
    try:
        return originals.read(key, known)
    except FileNotFoundError:
        raise OriginalMissing(key) from None
    except KeysUnavailable as locked:
        raise OriginalLocked(str(locked.strerror)) from locked
    except FileDamaged:
        raise
    except OSError as unavailable:
        raise OriginalUnavailable(str(unavailable.strerror or unavailable)) from unavailable
