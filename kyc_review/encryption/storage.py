"""A storage that encrypts what a submission owns, on top of any other storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler
from django.utils.deconstruct import deconstructible

from encrypted_files import stream
from kyc_review.core.files import StoredFile
from kyc_review.encryption import keys
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.problems import KeysUnavailable

# Keys of files name their submission: xx/<hex>.jpeg, xx/<hex>/noise.png
OF_SUBMISSION = re.compile(r"[0-9a-f]{2}/([0-9a-f]{32})[./]")
NOT_ENCRYPTED = (
    "{} is not encrypted although all files of its submission are: it was exchanged; restore it from a backup"
)
NO_DATA_KEY = (
    "{} is encrypted, and the database holds no data key for it: it belongs to another database or to an older state "
    "of this one"
)


@deconstructible(path="kyc_review.encryption.storage.EncryptedStorage")
class EncryptedStorage(Storage):
    """name: of the storage; the names of its objects begin so. beneath: as an entry of STORAGES.

    A file of a submission with a data key is encrypted, with the object's name bound to it. Other files, such as
    probes, are left as they are, and so is everything while encryption is off.
    """

    def __init__(self, name: str, beneath: Mapping[str, Any]) -> None:
        self.name = name
        self.beneath: Any = StorageHandler().create_storage(dict(beneath))

    def object_name(self, key: str) -> str:
        """What is bound to the file, and what a process without this class calls it."""
        return f"{self.name}/{key}"

    def data_keys(self, names: Iterable[str]) -> dict[str, DataKey]:
        """The data keys of these files by scope, for `read` in a thread that may not ask the database."""
        return keys.data_keys_of(scope for name in names if (scope := scope_of(name)))

    def read(self, name: str, known: Mapping[str, DataKey] | None = None) -> bytes:
        """The content. known: what `data_keys` found; without it, the database is asked.

        Raises FileNotFoundError, KeysUnavailable, FileDamaged.
        """
        with self.beneath.open(name) as file:
            content: bytes = file.read()
        scope, is_encrypted = scope_of(name), stream.is_encrypted(content)
        if scope is None or (known is None and not is_encrypted and not keys.is_on()):
            return content
        row = (keys.data_keys_of([scope]) if known is None else known).get(scope)
        if not is_encrypted:
            if row is not None and row.is_complete:
                raise stream.FileDamaged(name, NOT_ENCRYPTED.format(self.object_name(name)))
            return content
        if row is None:
            raise KeysUnavailable(NO_DATA_KEY.format(self.object_name(name)))
        return stream.decrypt(content, key=keys.unwrapped(row), name=self.object_name(name))

    def write(self, name: str, content: bytes, key: bytes) -> None:
        """Save a file with a data key that the caller has. Raises FileExistsError as the storage beneath does."""
        self.beneath.save(name, ContentFile(stream.encrypt(content, key=key, name=self.object_name(name))))

    def is_encrypted(self, name: str) -> bool:
        """Raises FileNotFoundError."""
        with self.beneath.open(name) as file:
            return stream.is_encrypted(file.read(len(stream.MARK)))

    def encrypt_in_place(self, name: str, key: bytes) -> bool:
        """Replace a plain file by its encryption in one step; False when it was encrypted. Raises FileNotFoundError."""
        with self.beneath.open(name) as file:
            content: bytes = file.read()
        if stream.is_encrypted(content):
            return False
        self.beneath.replace(name, ContentFile(stream.encrypt(content, key=key, name=self.object_name(name))))
        return True

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Stored files are only read, or written as a whole.")
        return ContentFile(self.read(name), name)

    def _save(self, name: str, content: File) -> str:
        scope = scope_of(name)
        if scope is not None:
            row = keys.data_key_ensure(scope, is_complete=False) if keys.is_on() else None
            row = row or keys.data_keys_of([scope]).get(scope)
            if row is not None:
                self.write(name, b"".join(content.chunks()), keys.unwrapped(row))
                return name
        saved: str = self.beneath.save(name, content)
        return saved

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # keys are unique by construction

    def delete(self, name: str) -> None:
        self.beneath.delete(name)

    def delete_below(self, folder: str) -> None:
        """All files whose names begin with `<folder>/`. Safe to repeat."""
        self.beneath.delete_below(folder)

    def exists(self, name: str) -> bool:
        return bool(self.beneath.exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        found: tuple[list[str], list[str]] = self.beneath.listdir(path)
        return found

    def size(self, name: str) -> int:
        """Of what is stored, encrypted or not, in bytes."""
        return int(self.beneath.size(name))

    def get_modified_time(self, name: str) -> datetime:
        moment: datetime = self.beneath.get_modified_time(name)
        return moment

    def files_below(self, folder: str = "") -> Iterator[StoredFile]:
        """All files whose names begin with `<folder>/`; without it, all."""
        found: Iterator[StoredFile] = self.beneath.files_below(folder)
        return found

    def path(self, name: str) -> str:
        return str(self.beneath.path(name))

    def local_path(self, name: str) -> str | None:
        """The file on this machine, encrypted or not, for processes that have a keyring and know no storage.

        None where the storage has none here: `copy_to` makes one.
        """
        found: str | None = self.beneath.local_path(name)
        return found

    def copy_to(self, name: str, path: Path) -> None:
        """A private copy on this machine, encrypted or not. Raises FileNotFoundError, FileExistsError."""
        self.beneath.copy_to(name, path)

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no URL.")


def scope_of(name: str) -> str | None:
    """Whose data key encrypts the file; None for files of no submission."""
    found = OF_SUBMISSION.match(name)
    return f"submission/{found[1]}" if found else None
