"""Copies files between the two places of FILE_STORAGE: folders of this machine and a bucket.

The place in use is the truth: what it has is put into the other one, whatever that has. A file that is there with the
same size is not copied again, so a stopped copy goes on where it was; neither place ever has half a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage.handler import StorageHandler

from kyc_review.core.files import StorageUnavailable, StoredFile
from kyc_review.encryption.storage import OF_SUBMISSION
from kyc_review.submissions.models import Submission

CHUNK_BYTES = 1 << 20
NAMES_AT_ONCE = 1000
NOT_THE_SAME = "what was written to {} is not what was read; is the network or the disk sound?"


@dataclass
class Copied:
    """What one run did. there: the other place had it; erased: left out, and removed from the other place."""

    files: int = 0
    size_bytes: int = 0
    there: int = 0
    erased: int = 0


def other_place() -> str:
    """The place of FILE_STORAGE that is not in use."""
    return next(place for place in settings.STORAGE_PLACES if place != settings.FILE_STORAGE)


def storage_at(place: str, name: str) -> Any:
    """The storage of this name there, without encryption: files travel as they are."""
    return StorageHandler().create_storage(settings.STORAGE_PLACES[place][name])


def storage_copy(name: str, *, threads: int, compare: bool = False) -> Iterator[Copied]:
    """Copy what is in use; yields the sum so far after each folder. Every copy is read back and compared.

    compare: also reads what is there already, on both sides. Pictures of erased submissions are removed from the other
    place, for an erasure reaches the place in use only. Raises StorageUnavailable, OSError; repeat it to go on.
    """
    source, target = storage_at(settings.FILE_STORAGE, name), storage_at(other_place(), name)
    done = Copied()
    with ThreadPoolExecutor(threads, "copy") as pool:
        for folder, group in groupby(source.files_below(), key=lambda file: _folder(file.name)):
            known = {file.name: file.size_bytes for file in _listed(target, folder)}
            while files := list(islice(group, NAMES_AT_ONCE)):
                erased = _erased(files)
                wanted = [file for file in files if file.name not in erased]
                for size_bytes in pool.map(partial(_copy, source, target, known, compare), wanted):
                    done.files += size_bytes is not None
                    done.there += size_bytes is None
                    done.size_bytes += size_bytes or 0
            yield done
        kept = target.files_below()
        while files := list(islice(kept, NAMES_AT_ONCE)):
            erased = _erased(files)
            done.erased += len(erased)
            list(pool.map(target.delete, erased))
    yield done


def _folder(name: str) -> str:
    """The first folder of a file; empty for one that is in none."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


def _listed(target: Any, folder: str) -> Iterator[StoredFile]:
    """What the other place has in a folder; files in none are few and always copied."""
    return target.files_below(folder) if folder else iter(())


def _erased(files: list[StoredFile]) -> set[str]:
    """Which of them belong to erased submissions."""
    owners = {file.name: found[1] for file in files if (found := OF_SUBMISSION.match(file.name))}
    rows = Submission.objects.filter(pk__in=set(owners.values()), erased_at__isnull=False)
    gone = {pk.hex for pk in rows.values_list("pk", flat=True)}
    return {name for name, owner in owners.items() if owner in gone}


def _copy(source: Any, target: Any, known: dict[str, int], compare: bool, file: StoredFile) -> int | None:
    """The size of what was copied; None when it was there, or was deleted meanwhile."""
    try:
        with source.open(file.name) as content:
            if known.get(file.name) == file.size_bytes and (
                not compare or _digest(content) == _digest_at(target, file.name)
            ):
                return None
            target.replace(file.name, content)
            if _digest(content) != _digest_at(target, file.name):
                raise StorageUnavailable(file.name, NOT_THE_SAME.format(file.name))
    except FileNotFoundError:
        return None
    return file.size_bytes


def _digest_at(target: Any, name: str) -> bytes:
    with target.open(name) as content:
        return _digest(content)


def _digest(content: File) -> bytes:
    digest = hashlib.sha256()
    for piece in content.chunks(CHUNK_BYTES):
        digest.update(piece)
    return digest.digest()
