"""Making key files. One that was lost is never replaced silently."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from kyc_review.core.files import new_file, sync_folder, write_private
from kyc_review.core.folders import folder_make
from kyc_review.encryption import keys
from kyc_review.encryption.models import KeyEncryptionKey
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.encryption.providers import key_lines, new_key_line

ABOUT = "# Key-encryption keys of KYC Review, one a line; the first one is in use. Keep a copy elsewhere.\n"


class KeyFileRefused(Exception):
    """The text says why no key was made, and what to do."""


def key_file_create(path: Path) -> None:
    """A new private file (0600) with one new key. Raises KeyFileRefused, OSError, among them
    KeysUnavailable."""
    used = list(KeyEncryptionKey.objects.values_list("pk", flat=True))
    if used:
        raise KeyFileRefused(
            f"pictures are encrypted with the key {', '.join(used)}, and a new file would not have it: restore the old "
            "one. To exchange a key, use `manage.py keys rotate --new`."
        )
    if path.resolve().is_relative_to(Path(settings.DATA_DIR).resolve()):
        raise KeyFileRefused(f"{path} lies in DATA_DIR, with what it protects: choose another place.")
    folder_make(path.parent)
    line = new_key_line()
    with new_file(path) as file:
        file.write(f"{ABOUT}{line}\n".encode())
    sync_folder(path.parent)


def key_file_ensure() -> None:
    """The first key of an installation that encrypts and names a file which is not there. Raises as
    `key_file_create`."""
    if keys.is_on() and settings.KEY_ENCRYPTION_KEY_FILE:
        path = Path(settings.KEY_ENCRYPTION_KEY_FILE)
        if not path.exists():
            key_file_create(path)


def key_add() -> Path:
    """Put a new key at the top of KEY_ENCRYPTION_KEY_FILE, in one step. Raises KeysUnavailable, OSError."""
    if not settings.KEY_ENCRYPTION_KEY_FILE:
        raise KeysUnavailable(
            "--new needs KEY_ENCRYPTION_KEY_FILE; put the new key before the others yourself"
        )
    keys.require_keys()
    path = Path(settings.KEY_ENCRYPTION_KEY_FILE)
    write_private(path, ABOUT + "\n".join([new_key_line(), *key_lines(path)]) + "\n")
    sync_folder(path.parent)
    return path
