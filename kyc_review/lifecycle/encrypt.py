"""Encrypts what was stored before encryption was on: submissions one by one, then snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.core.files.base import ContentFile
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat, Replace

from encrypted_files import stream
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import file_open, image_names, image_replace
from kyc_review.datasets.snapshot_pictures import SnapshotPictures, snapshot_scope
from kyc_review.encryption.conversion import files_encrypt
from kyc_review.encryption.keys import submission_scope
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.storage import EncryptedStorage
from kyc_review.evidence.derivatives import derivative_key
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, keys_below, originals, reference_key, storage_key
from kyc_review.submissions.storage_identity import storage_identity_check
from kyc_review.training import mean_faces
from kyc_review.training.models import MeanFaces

CHUNK = 200


def submissions_left() -> QuerySet[Submission]:
    """Those that may own files that are not encrypted."""
    scope = Concat(
        Value("submission/"),
        Replace(Cast(OuterRef("pk"), CharField()), Value("-"), Value("")),
        output_field=CharField(),
    )
    complete = DataKey.objects.filter(scope=scope, is_complete=True)
    return Submission.objects.filter(~Exists(complete), erased_at=None)


def submissions_encrypt() -> Iterator[int]:
    """How many files each submission had that were not encrypted. Resumable, while everything runs. Raises
    KeysUnavailable, WrongStorage."""
    for row in submissions_left().order_by("pk").iterator(chunk_size=CHUNK):
        storage_identity_check()  # without the volume each file is missing, and would be called encrypted
        files: list[tuple[EncryptedStorage, str]] = [(originals, row.image_key)]
        if row.reference_sha256:
            files.append((originals, reference_key(row.pk)))
        made = [derivative_key(row.pk), *keys_below(derivatives, storage_key(row.pk))]
        files += [(derivatives, name) for name in made if derivatives.exists(name)]
        yield files_encrypt(submission_scope(row.pk), files)


def snapshots_encrypt() -> Iterator[int]:
    """How many pictures each ready snapshot had that were not encrypted. Raises KeysUnavailable, OSError."""
    for snapshot in Snapshot.objects.filter(state=Snapshot.State.READY).order_by("pk"):
        pictures = SnapshotPictures.begin(snapshot)
        done = sum(_image_encrypt(snapshot, name, pictures) for name in image_names(snapshot))
        for means in MeanFaces.objects.filter(snapshot=snapshot):
            pngs = (name for name in mean_faces.face_names(means) if name.endswith(".png"))
            done += sum(_mean_encrypt(means, name, pictures) for name in pngs)
        DataKey.objects.filter(pk=snapshot_scope(snapshot)).update(is_complete=True)
        yield done


def _image_encrypt(snapshot: Snapshot, name: str, pictures: SnapshotPictures) -> bool:
    try:
        with file_open(snapshot, name) as file:
            content = file.read()
    except FileNotFoundError:  # erased since
        return False
    if stream.is_encrypted(content):
        return False
    image_replace(snapshot, name, content, pictures)
    return True


def _mean_encrypt(means: MeanFaces, name: str, pictures: SnapshotPictures) -> bool:
    with mean_faces.face_open(means, name) as file:
        content = file.read()
    if stream.is_encrypted(content):
        return False
    encrypted = ContentFile(pictures.stored(content, f"means/{name}"))
    cast(Any, mean_faces.storage()).replace(mean_faces.key_of(means, name), encrypted)
    return True
