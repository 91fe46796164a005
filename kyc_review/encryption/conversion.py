"""Encrypts the files of submissions that were stored before encryption was on, one submission after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kyc_review.encryption import keys
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.storage import EncryptedStorage

log = logging.getLogger(__name__)


def files_encrypt(scope: str, files: Sequence[tuple[EncryptedStorage, str]]) -> int:
    """Encrypt those of the files that are plain, then refuse plain ones from now on; how many were encrypted.

    Each file is replaced in one step and readers take both, so it can be interrupted, repeated, and run while the
    product works. A file that is missing is left out, for the storage's own checks say so. Raises KeysUnavailable.
    """
    row = keys.data_key_ensure(scope, is_complete=False)
    if row.is_destroyed:
        return 0
    key, done = keys.unwrapped(row), 0
    for storage, name in files:
        try:
            done += storage.encrypt_in_place(name, key)
        except FileNotFoundError:
            log.warning("%s is missing and was not encrypted", storage.object_name(name))
    DataKey.objects.filter(pk=scope).exclude(wrapped=b"").update(is_complete=True)
    return done
