"""Whether the originals that this process sees are those of its database.

A data folder that is not shared between hosts, is not mounted, or belongs to another installation looks healthy: it can
be written to. So a random text is kept in both, once, and every process compares them. The database also says in which
place the originals are, for a process that was left at the old place after a move finds the same text there.
"""

import time
import uuid
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.submissions.models import StorageIdentity, Submission
from kyc_review.submissions.storage import is_remote, originals

KEY = "identity"
# How long a process relies on what it read last: of a bucket, and of the row in the database.
REMOTE_KEPT_S, ROW_KEPT_S = 60, 3
_agreed_at = float("-inf")
_row: StorageIdentity | None = None
_row_read_at = float("-inf")
LOCK = 0x6B79635F73746F72


class WrongStorage(StorageUnavailable):
    """The originals are not those of this database; the message says what to do.

    As of a store that does not answer, nothing is known of any file: nothing may be written, and nothing is missing.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(KEY, reason)

    def __str__(self) -> str:
        return str(self.strerror)


@transaction.atomic
def storage_identity_ensure(*, adopt: bool = False) -> None:
    """Write the identity once. With `adopt`, these originals are from now on those of the database.

    Raises WrongStorage when the database has submissions whose originals are elsewhere.
    """
    lock_for_transaction(LOCK)
    row, stored = StorageIdentity.objects.first(), _stored()
    if row is not None and row.value == stored and row.place in ("", storage_place()):
        StorageIdentity.objects.filter(place="").update(place=storage_place())
        return
    if row is not None and not adopt and Submission.objects.filter(erased_at=None).exists():
        raise WrongStorage(_difference(row) or _what_is_wrong(stored))
    value = stored or (row.value if row else uuid.uuid4().hex)
    if not stored:
        originals.save(KEY, ContentFile(value.encode()))
    found = {"value": value, "place": storage_place()}
    StorageIdentity.objects.update_or_create(pk=StorageIdentity.ONLY, defaults=found)


def storage_place(beneath: Any = None) -> str:
    """Where originals are, as the database names it: those that this process sees, or those of a storage."""
    storage = originals.beneath if beneath is None else beneath
    return f"s3:{storage.bucket}/{storage.prefix}" if isinstance(storage, ObjectStorage) else "files"


def storage_move(place: str) -> bool:
    """From now on the originals are there, and processes elsewhere are not ready; False when they were there already.

    Raises WrongStorage when this process does not see those that are to be moved, or none have an identity yet.
    """
    if StorageIdentity.objects.filter(place=place).exists():
        return False
    storage_identity_check()
    if not StorageIdentity.objects.update(place=place):
        raise WrongStorage("the originals have no identity yet; run manage.py prepare")
    return True


def storage_identity_check() -> None:
    """Before anything is written or deleted, or taken for missing. Raises WrongStorage, OSError.

    Nothing is wrong before `manage.py prepare` has written the identity.

    A folder can be unmounted at any time, so it is read each time (0.03 ms on a disk). A bucket cannot be exchanged
    while a process runs, so it is asked seldom.
    """
    if _row is not None and time.monotonic() - _row_read_at < ROW_KEPT_S and not _difference(_row):
        return
    if (row := storage_identity()) is not None:
        storage_identity_compare(row)


def storage_identity_compare(row: StorageIdentity) -> None:
    """row: what the database says. Asks no database. Raises WrongStorage, OSError."""
    global _row, _row_read_at
    if said := _difference(row):
        raise WrongStorage(said)
    _row, _row_read_at = row, time.monotonic()


def _difference(row: StorageIdentity) -> str:
    """What is wrong; empty when the originals are those of the row."""
    global _agreed_at
    if row.place not in ("", storage_place()):
        return _where_they_are(row.place)
    if is_remote() and time.monotonic() - _agreed_at < REMOTE_KEPT_S:
        return ""
    if row.value != (stored := _stored()):
        return _what_is_wrong(stored)
    _agreed_at = time.monotonic()
    return ""


def storage_identity() -> StorageIdentity | None:
    """What the database says; None before `manage.py prepare` has written it."""
    return StorageIdentity.objects.first()


def _stored() -> str:
    try:
        with originals.open(KEY) as file:
            return str(file.read(100).decode())
    except FileNotFoundError:
        return ""


def _where_they_are(place: str) -> str:
    """Without the names of buckets, for strangers may read it."""
    there = "folders (FILE_STORAGE=files)" if place == "files" else "a bucket (FILE_STORAGE=s3)"
    another = "another one" if is_remote() and place != "files" else "a bucket" if is_remote() else "folders"
    return (
        f"the originals of this database are in {there}, and this process looks in {another}: give it FILE_STORAGE, "
        "OBJECT_STORAGE_BUCKET and OBJECT_STORAGE_PREFIX of the others, or end a move with "
        "manage.py storage copy --finish; if they were moved or restored here on purpose, run manage.py prepare "
        "--adopt-storage"
    )


def _what_is_wrong(stored: str) -> str:
    found = "are those of another database" if stored else "are not there, or their identity is missing"
    return (
        f"the originals of this database {found}: mount the shared data folder (DATA_DIR), or name the right bucket; "
        "if they were moved or restored on purpose, run manage.py prepare --adopt-storage"
    )
