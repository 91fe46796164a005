"""Whether the files that the database names are there and unchanged; for after a restore."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from detection.bundle import BundleRefused
from kyc_review.audit.pruned import FileRefused, file_read, prunings_read
from kyc_review.core.files import StorageUnavailable
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import SnapshotFailed, manifest_verify
from kyc_review.registry.bundle_files import bundle_check
from kyc_review.registry.models import Bundle
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import (
    OriginalLocked,
    OriginalMissing,
    OriginalUnavailable,
    original_read,
    originals,
    reference_key,
)
from kyc_review.submissions.storage_identity import WrongStorage, storage_identity_check

FIELDS = ("image_key", "sha256", "reference_sha256", "erased_at", "erasure_settled_at")


def storage_problems() -> Iterator[str]:
    try:
        storage_identity_check()
    except WrongStorage as wrong:
        yield f"storage: {wrong}"


def original_problems(*, read: int, locked: Counter[str]) -> Iterator[str]:
    """Each file must be there, and none of an erased submission; of `read` submissions, drawn at random, it must have
    the SHA-256 of its row.

    Pictures that cannot be decrypted now are no difference: they are counted in `locked`, by reason. Raises
    StorageUnavailable.
    """
    for number in range(256):
        yield from _listing_problems(f"{number:02x}")
    rows = Submission.objects.filter(erased_at=None).only(*FIELDS)
    for row in rows.order_by("?")[:read]:
        for key, sha256 in _keys(row).items():
            try:
                found = hashlib.sha256(original_read(key)).hexdigest()
            except OriginalLocked as waiting:
                locked[str(waiting)] += 1
            except OriginalUnavailable as waiting:
                if isinstance(waiting.__cause__, StorageUnavailable):
                    raise StorageUnavailable(key, str(waiting)) from waiting
                yield f"submission {row.pk}: {key} cannot be read: {waiting}"  # a disk that fails at one file
            except OriginalMissing:
                if originals.exists(key):  # a file that is missing is named above
                    yield f"submission {row.pk}: {key} is there, and its data key was destroyed"
            except Exception as error:  # each is named, and the next one looked at
                yield f"submission {row.pk}: {key} cannot be read: {type(error).__name__}: {error}"
            else:
                if found != sha256:
                    yield f"submission {row.pk}: {key} has the SHA-256 {found[:12]}..., the database {sha256[:12]}..."


def _listing_problems(folder: str) -> Iterator[str]:
    """One listing is compared with all rows whose files are in a folder of the originals."""
    there = {file.name for file in originals.files_below(folder)}
    first, last = UUID(folder.ljust(32, "0")), UUID(folder.ljust(32, "f"))
    rows = Submission.objects.filter(pk__gte=first, pk__lte=last).only(*FIELDS)
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        for key in _keys(row):
            is_there = key in there or (
                row.erased_at is None and originals.exists(key)
            )  # posted since the listing
            if row.erased_at is None and not is_there:
                yield f"submission {row.pk}: {key} is missing"
            if row.erasure_settled_at is not None and is_there:
                yield f"submission {row.pk}: {key} is there, although it was erased"


def _keys(row: Submission) -> dict[str, str]:
    """The keys of a submission's pictures, and their SHA-256."""
    reference = {reference_key(row.pk): row.reference_sha256} if row.reference_sha256 else {}
    return {row.image_key: row.sha256} | reference


def bundle_problems() -> Iterator[str]:
    """Raises StorageUnavailable: a store that does not answer says nothing about a bundle."""
    for bundle in Bundle.objects.order_by("pk"):
        try:
            bundle_check(bundle)
        except StorageUnavailable:
            raise
        except (BundleRefused, OSError) as error:
            if isinstance(cause := error.__cause__, StorageUnavailable):
                raise StorageUnavailable(cause.filename, cause.strerror or str(error)) from error
            yield f"bundle {bundle}: {error}"


def snapshot_problems() -> Iterator[str]:
    """Manifests alone; `manage.py snapshot verify NAME` hashes every picture of one. Raises StorageUnavailable."""
    for snapshot in Snapshot.objects.filter(state=Snapshot.State.READY).order_by("pk"):
        try:
            manifest_verify(snapshot=snapshot)
        except StorageUnavailable:
            raise
        except (SnapshotFailed, OSError) as error:
            yield f"snapshot {snapshot.name}: {error}"


def archive_problems() -> Iterator[str]:
    """Each file of pruned events must be there with the SHA-256 that the log names; `audit verify --archive` compares
    what is in it. Raises StorageUnavailable."""
    for one in prunings_read()[0]:  # the others are problems of `audit verify`
        try:
            file_read(one)
        except FileRefused as refused:
            yield str(refused)
