"""The pictures of a dossier: what was posted, unchanged, and the views of its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from mimetypes import guess_extension

from django.core.files.storage import Storage

from kyc_review.core.folders import CHUNK_BYTES
from kyc_review.evidence.models import Evidence
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, originals, reference_key


def pictures(row: Submission) -> dict[str, Iterator[bytes]]:
    """Name in the archive -> pieces. Only files that exist: a lost one must not keep the rest from the applicant."""
    wanted: dict[str, tuple[Storage, str]] = {f"picture.{row.format.lower()}": (originals, row.image_key)}
    if row.reference_sha256:
        wanted["reference-image"] = (originals, reference_key(row.pk))
    evidence = Evidence.objects.filter(submission=row, state=Evidence.State.READY).first()
    for name, kind in (evidence.pictures if evidence else {}).items():
        wanted[f"evidence/{name}{guess_extension(kind) or ''}"] = (derivatives, evidence.key_of(name))  # type: ignore[union-attr]
    made = {
        name: partial(_pieces, storage, key) for name, (storage, key) in wanted.items() if storage.exists(key)
    }
    return {name: read() for name, read in made.items()}


def _pieces(storage: Storage, key: str) -> Iterator[bytes]:
    with storage.open(key) as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece
