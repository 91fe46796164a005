"""What is said when keys are not where they must be, and how keys are named."""

import hashlib

from encrypted_files.stream import FileUnreadable


class KeysUnavailable(FileUnreadable):
    """A key-encryption key is missing or another one; pictures wait until it is back. The text says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__("key-encryption keys", reason)


def key_id(key: bytes) -> str:
    """Sixteen hexadecimal digits that name a key and say nothing about it."""
    return hashlib.sha256(b"kyc-review key-encryption key\0" + key).hexdigest()[:16]


def missing(ids: list[str], source: str) -> str:
    """What to say when keys are not where they should be."""
    return (
        f"{source} lacks the key-encryption key {', '.join(ids)}, with which pictures were encrypted; restore it from "
        "your backup of keys, behind the first line if another key is in use now"
    )
