"""Copies files between the two places of FILE_STORAGE: folders of this machine and a bucket.

The place in use is the truth: what it has is put into the other one, whatever that has. A file that is there with the
same size is not copied again, so a stopped copy goes on where it was; neither place ever has half a file. The rows
alone say what is removed from the other place: a file that the place in use lacks may be the only one.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
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
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.datasets.erasure_marks import images_erased
from kyc_review.datasets.models import Snapshot
from kyc_review.encryption.storage import OF_SUBMISSION
from kyc_review.submissions.models import Submission
from kyc_review.training.models import MeanFaces

CHUNK_BYTES = 1 << 20
NAMES_AT_ONCE = 1000
# Of jobs at work; the next attempt makes them again. Reports, logs and candidates are rows and bundles.
NOT_COPIED = ("training",)
IMAGE = re.compile(r"([^/]+)/images/([0-9a-f]{64})\.\w+")
MEAN_FACE = re.compile(r"(\d+)/faces/([^/]+\.png)")
NOT_THE_SAME = "what was written to {} is not what was read; is the network or the disk sound?"


@dataclass
class Copied:
    """What one run did. there: the other place had it; erased: left out, and removed from the other place; versions:
    earlier ones that an interrupted run had left in a bucket that keeps them, removed now."""

    files: int = 0
    size_bytes: int = 0
    there: int = 0
    erased: int = 0
    versions: int = 0


def other_place() -> str:
    """The place of FILE_STORAGE that is not in use."""
    return next(place for place in settings.STORAGE_PLACES if place != settings.FILE_STORAGE)


def storages_to_copy() -> list[str]:
    return [name for name in settings.STORAGE_PLACES[other_place()] if name not in NOT_COPIED]


def storage_at(place: str, name: str) -> Any:
    """The storage of this name there, without encryption: files travel as they are."""
    return StorageHandler().create_storage(settings.STORAGE_PLACES[place][name])


def storage_copy(name: str, *, threads: int, compare: bool = False) -> Iterator[Copied]:
    """Copy what is in use; yields the sum so far after each folder. Every copy is read back and compared.

    compare: also reads what is there already, on both sides. Pictures of erased submissions, their copies in snapshots
    and mean faces that they were part of are removed from the other place, for an erasure reaches the place in use
    only. Mean faces are always copied: the later ones have the names of the earlier. Raises StorageUnavailable,
    OSError; repeat it to go on.
    """
    source, target = storage_at(settings.FILE_STORAGE, name), storage_at(other_place(), name)
    done = Copied()
    with ThreadPoolExecutor(threads, "copy") as pool:
        for folder, group in groupby(source.files_below(), key=lambda file: _folder(file.name)):
            known = (
                {} if name == "means" else {file.name: file.size_bytes for file in _listed(target, folder)}
            )
            while files := list(islice(group, NAMES_AT_ONCE)):
                erased = _erased(name, files)
                wanted = [file for file in files if file.name not in erased and _is_kept(name, file)]
                for size_bytes in pool.map(partial(_copy, source, target, known, compare), wanted):
                    done.files += size_bytes is not None
                    done.there += size_bytes is None
                    done.size_bytes += size_bytes or 0
            yield done
        kept = target.files_below()
        while files := list(islice(kept, NAMES_AT_ONCE)):
            erased = _erased(name, files)
            done.erased += len(erased)
            list(pool.map(target.delete, erased))
    if isinstance(target, ObjectStorage):
        done.versions = target.stray_versions_remove()
    yield done


def _folder(name: str) -> str:
    """The first folder of a file; empty for one that is in none."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


def _listed(target: Any, folder: str) -> Iterator[StoredFile]:
    """What the other place has in a folder; files in none are few and always copied."""
    return target.files_below(folder) if folder else iter(())


def _is_kept(name: str, file: StoredFile) -> bool:
    """Whether it is more than what a job works with: mean faces lie next to the log of their job."""
    return name != "means" or MEAN_FACE.fullmatch(file.name) is not None


def _erased(name: str, files: list[StoredFile]) -> set[str]:
    """Which files of this storage show erased submissions."""
    if name == "snapshots":
        return _erased_images(files)
    if name == "means":
        return _outdated_faces(files)
    owners = {file.name: found[1] for file in files if (found := OF_SUBMISSION.match(file.name))}
    rows = Submission.objects.filter(pk__in=set(owners.values()), erased_at__isnull=False)
    gone = {pk.hex for pk in rows.values_list("pk", flat=True)}
    return {name for name, owner in owners.items() if owner in gone}


def _erased_images(files: list[StoredFile]) -> set[str]:
    images: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in files:
        if found := IMAGE.fullmatch(file.name):
            images[found[1]].append((file.name, found[2]))
    erased = set()
    for snapshot in Snapshot.objects.filter(name__in=set(images)):
        gone = images_erased(snapshot)
        erased |= {name for name, sha256 in images[snapshot.name] if sha256 in gone}
    return erased


def _outdated_faces(files: list[StoredFile]) -> set[str]:
    """Mean faces that wait to be computed again, because a face was erased, or that the last time left out.

    Not those of a job at work: it removed the earlier ones, and its folder may be in the other place.
    """
    faces = {file.name: found for file in files if (found := MEAN_FACE.fullmatch(file.name))}
    rows = MeanFaces.objects.in_bulk({int(found[1]) for found in faces.values()})
    return {name for name, found in faces.items() if _is_outdated(rows.get(int(found[1])), found[2])}


def _is_outdated(row: MeanFaces | None, file: str) -> bool:
    if row is None:
        return False
    if row.state == MeanFaces.State.SUCCEEDED:
        return file not in {cell["file"] for cell in row.cells}
    return row.state in (MeanFaces.State.QUEUED, MeanFaces.State.FAILED)


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
