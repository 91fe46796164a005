"""Where key-encryption keys come from. Another source is another class with the methods of KeyProvider."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from encrypted_files.stream import KEY_BYTES
from kyc_review.encryption import aws_kms
from kyc_review.encryption.problems import KeysUnavailable, key_id, missing

NONCE_BYTES = 12
NEITHER = (
    "KEY_ENCRYPTION is on, but neither KEY_ENCRYPTION_KEY_FILE nor KEY_ENCRYPTION_KEYS names a key; "
    "`manage.py keys generate FILE` makes one"
)


class KeyProvider(Protocol):
    """Wraps data keys. `scope` is bound to what is wrapped: a key that was moved to another row is refused."""

    def ids(self) -> list[str]:
        """Of all keys, the one that wraps first."""

    def check(self, ids: Iterable[str]) -> None:
        """Raises KeysUnavailable when one of these, which are among `ids`, cannot be used now."""

    def origin(self, key_id: str) -> str:
        """Where one of `ids` comes from, for people."""

    def wrap(self, data_key: bytes, *, scope: str) -> tuple[str, bytes]:
        """(id of the key that was used, wrapped data key). Raises KeysUnavailable."""

    def unwrap(self, wrapped: bytes, *, key_id: str, scope: str) -> bytes:
        """The inverse of `wrap`. Raises KeysUnavailable."""


class HeldKey(Protocol):
    """A key-encryption key that this process holds, or can get."""

    @property
    def id(self) -> str: ...

    @property
    def origin(self) -> str: ...

    def value(self) -> bytes:
        """KEY_BYTES. Raises KeysUnavailable."""


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A key that is written as it is."""

    id: str
    key: bytes
    origin: str

    def value(self) -> bytes:
        return self.key


class LocalKeys:
    """Keys that this process holds itself; AES-256-GCM wraps, under a random nonce of 96 bits."""

    def __init__(self, texts: list[str], source: str) -> None:
        """texts: lines of a key file, the one that wraps first. Raises KeysUnavailable for one that is no key."""
        self._source = source
        found = (_parsed(text, source) for text in texts)
        self._keys: dict[str, HeldKey] = {key.id: key for key in found}
        if not self._keys:
            raise KeysUnavailable(f"{source} holds no key; `manage.py keys generate FILE` makes one")

    def ids(self) -> list[str]:
        return list(self._keys)

    def check(self, ids: Iterable[str]) -> None:
        for one in ids:
            self._keys[one].value()

    def origin(self, key_id: str) -> str:
        return self._keys[key_id].origin

    def wrap(self, data_key: bytes, *, scope: str) -> tuple[str, bytes]:
        chosen, key = next(iter(self._keys.items()))
        nonce = os.urandom(NONCE_BYTES)
        return chosen, nonce + AESGCM(key.value()).encrypt(nonce, data_key, scope.encode())

    def unwrap(self, wrapped: bytes, *, key_id: str, scope: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise KeysUnavailable(missing([key_id], self._source))
        try:
            return AESGCM(key.value()).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], scope.encode())
        except (InvalidTag, ValueError) as refused:
            raise KeysUnavailable(
                f"the data key of {scope} in the database was changed, or belongs to another object; restore the row"
            ) from refused


def new_key_line() -> str:
    """A new key as a line of a key file, wrapped by KMS when KEY_ENCRYPTION_KMS_KEY names its key. Raises
    KeysUnavailable."""
    if settings.KEY_ENCRYPTION_KMS_KEY:
        return aws_kms.new_line(settings.KEY_ENCRYPTION_KMS_KEY)
    return new_key_text()


def new_key_text() -> str:
    """A new key as it is, in base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _parsed(text: str, source: str) -> HeldKey:
    if aws_kms.is_line(text):
        return aws_kms.parsed(text, source)
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeysUnavailable(
            f"{source} holds a line that is no key: expected {KEY_BYTES} bytes in base64 (44 characters)"
        )
    return PlainKey(key_id(key), key, f"a key that {source} holds as it is")


def key_lines(path: Path) -> list[str]:
    """The keys of a key file; empty lines and comments (#) are left out. Raises KeysUnavailable."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as refused:
        reason = refused.strerror if isinstance(refused, OSError) else "it is no text"
        raise KeysUnavailable(
            f"the key file {path} cannot be read ({reason}): restore it, or correct KEY_ENCRYPTION_KEY_FILE"
        ) from refused
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


_loaded: tuple[object, LocalKeys] | None = None


def provider() -> KeyProvider:
    """The keys that the settings name; a key file that was changed is read again. Raises KeysUnavailable."""
    global _loaded
    stamp: object
    if settings.KEY_ENCRYPTION_KEY_FILE:
        path = Path(settings.KEY_ENCRYPTION_KEY_FILE)
        try:
            found = path.stat()
            stamp = (str(path), found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = None  # key_lines says what is wrong
        if stamp is None or _loaded is None or _loaded[0] != stamp:
            _loaded = (stamp, LocalKeys(key_lines(path), str(path)))
    elif settings.KEY_ENCRYPTION_KEYS:
        stamp = tuple(settings.KEY_ENCRYPTION_KEYS)
        if _loaded is None or _loaded[0] != stamp:
            _loaded = (stamp, LocalKeys(settings.KEY_ENCRYPTION_KEYS, "KEY_ENCRYPTION_KEYS"))
    else:
        raise KeysUnavailable(NEITHER)
    return _loaded[1]
