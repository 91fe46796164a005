"""What a store does with the requests of ObjectStorage, tried on an object of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.core.files.base import ContentFile

from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage.backend import ObjectStorage, digests_of
from kyc_review.core.object_storage.client import AlreadyThere

CONDITIONS_KEPT = "conditional writes: kept; a second writer of a name is refused"
CONDITIONS_IGNORED = (
    "conditional writes: ignored; only the names, which are unique, keep objects from being replaced"
)
CONDITIONS_REFUSED = "conditional writes: refused; set OBJECT_STORAGE_CONDITIONS=false"
DAMAGE_REFUSED = "checksums: a content that arrives changed is refused"
DAMAGE_TAKEN = "checksums: not compared by the store; what is read is compared with its digest"
VERSIONS = "versions: kept by the bucket, and deleted with their object"
NO_VERSIONS = "versions: none"


def store_check(storage: ObjectStorage) -> Iterator[str]:
    """A line for each question. Raises StorageUnavailable when the store cannot be used."""
    folder = f"check/{uuid.uuid4().hex}"
    name = f"{folder}/one"
    first, second = ContentFile(b"first"), ContentFile(b"second")
    try:
        storage.put(name, first, digests_of(first))
        with storage.open(name) as file:
            if file.read() != b"first":
                raise StorageUnavailable(name, "what was written is not what is read")
        if [file.name for file in storage.files_below(folder)].count(name) != 1:
            raise StorageUnavailable(name, "what was written is not listed")
        yield "write, read and list: work"
        try:
            storage.put(name, second, digests_of(second), IfNoneMatch="*")
            yield CONDITIONS_IGNORED
        except AlreadyThere:
            yield CONDITIONS_KEPT
        except StorageUnavailable:
            yield CONDITIONS_REFUSED
        try:
            storage.put(name, second, digests_of(first))
            yield DAMAGE_TAKEN
        except StorageUnavailable:
            yield DAMAGE_REFUSED
    finally:
        has_versions = storage.delete_versions(name)
    yield VERSIONS if has_versions else NO_VERSIONS
    storage.delete_below(folder)
    if storage.exists(name):
        raise StorageUnavailable(name, "what was deleted is still there")
    yield "delete: works"
