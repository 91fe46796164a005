"""Signed archives as files: made completely before the first byte leaves, so that an error is an answer in words."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from django.http import FileResponse

from kyc_review.audit.signing import SigningKeyError, signing_key
from kyc_review.core.errors import DomainError
from kyc_review.core.signed_archive import archive_write, fingerprint


class NotSigned(DomainError):
    """This process cannot read the key of the audit log, so it signs nothing."""

    code, status = "signing_key_unavailable", 503


@dataclass(frozen=True, slots=True)
class SignedFile:
    """file: open, at its beginning, deleted when it is closed. sha256: of its bytes. key: fingerprint of the key."""

    file: BinaryIO
    size_bytes: int
    sha256: str
    key: str


def signed_file(parts: Iterable[tuple[str, Iterable[bytes]]]) -> SignedFile:
    """The archive of (name, pieces of the content), signed with the key of the audit log. Raises NotSigned."""
    try:
        key = signing_key()
    except SigningKeyError as refused:
        raise NotSigned(
            f"The archive cannot be signed here: {refused}. Make it with `manage.py` on a server that has the key."
        ) from refused
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    try:
        archive_write(file, parts, key)
        size_bytes = file.tell()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return SignedFile(file, size_bytes, sha256, fingerprint(key.public_key()))


def archive_response(archive: SignedFile, name: str) -> FileResponse:
    """The archive as a download that nothing on the way keeps; the server closes the file, which deletes it."""
    answer = FileResponse(archive.file, as_attachment=True, filename=name, content_type="application/zip")
    answer["Cache-Control"] = "private, no-store"
    return answer
