"""Whether the files that the database names are there and unchanged; for after a restore."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from detection.bundle import BundleRefused
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_builder import SnapshotFailed
from kyc_review.datasets.snapshots import manifest_verify
from kyc_review.registry.bundle_files import bundle_check
from kyc_review.registry.models import Bundle
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import (
    OriginalLocked,
    OriginalMissing,
    original_read,
    originals,
    reference_key,
)
from kyc_review.submissions.storage_identity import WrongStorage, storage_identity_check


def storage_problems() -> Iterator[str]:
    try:
        storage_identity_check()
    except WrongStorage as wrong:
        yield f"storage: {wrong}"


def original_problems(*, read: int, locked: Counter[str]) -> Iterator[str]:
    """Each file must be there; of `read` submissions, drawn at random, it must have the SHA-256 of its row.

    Pictures that cannot be decrypted now are no difference: they are counted in `locked`, by reason.
    """
    rows = Submission.objects.filter(erased_at=None).only("image_key", "sha256", "reference_sha256")
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        for key in _keys(row):
            if not originals.exists(key):
                yield f"submission {row.pk}: {key} is missing"
    for row in rows.order_by("?")[:read]:
        for key, sha256 in _keys(row).items():
            try:
                found = hashlib.sha256(original_read(key)).hexdigest()
            except OriginalLocked as waiting:
                locked[str(waiting)] += 1
            except OriginalMissing:
                if originals.exists(key):  # a file that is missing is named above
                    yield f"submission {row.pk}: {key} is there, and its data key was destroyed"
            except Exception as error:  # each is named, and the next one looked at
                yield f"submission {row.pk}: {key} cannot be read: {type(error).__name__}: {error}"
            else:
                if found != sha256:
                    yield f"submission {row.pk}: {key} has the SHA-256 {found[:12]}..., the database {sha256[:12]}..."


def _keys(row: Submission) -> dict[str, str]:
    """The keys of a submission's pictures, and their SHA-256."""
    reference = {reference_key(row.pk): row.reference_sha256} if row.reference_sha256 else {}
    return {row.image_key: row.sha256} | reference


def bundle_problems() -> Iterator[str]:
    for bundle in Bundle.objects.order_by("pk"):
        try:
            bundle_check(bundle)
        except (BundleRefused, OSError) as error:
            yield f"bundle {bundle}: {error}"


def snapshot_problems() -> Iterator[str]:
    """Manifests alone; `manage.py snapshot verify NAME` hashes every picture of one."""
    for snapshot in Snapshot.objects.filter(state=Snapshot.State.READY).order_by("pk"):
        try:
            manifest_verify(snapshot=snapshot)
        except (SnapshotFailed, OSError) as error:
            yield f"snapshot {snapshot.name}: {error}"
