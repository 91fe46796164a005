"""The format of an encrypted file: a mark of eight bytes, then a ciphertext of Google Tink's AES256_GCM_HKDF_1MB.

Tink's format (https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming) follows the STREAM construction
of Hoang, Reyhanitabar, Rogaway and Vizar, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
CRYPTO 2015. Each file has a key of its own, derived by HKDF-SHA256 from the data key, a random salt and the object's
name. Each segment of 1 MiB is sealed by AES-256-GCM under a nonce that holds its number and whether it is the last one,
so changed, missing, swapped and foreign segments are all refused. Tink's Python package is not used: it takes six times
as long for a selfie, and would add BoringSSL, Abseil and protobuf (19 MB) to the OpenSSL of `cryptography`. A test
decrypts what Tink wrote.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MARK = b"\x00KYCENC\x01"  # no picture begins so
KEY_BYTES = 32
SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16
SALT_BYTES, PREFIX_BYTES = 32, 7
HEADER_BYTES = 1 + SALT_BYTES + PREFIX_BYTES
SEGMENTS_MAX = 1 << 32


class FileUnreadable(OSError):
    """An encrypted file that cannot be read now; the text says which and why. An OSError, as a missing file is."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(errno.EBADMSG, reason, name)


class FileDamaged(FileUnreadable):
    """It was changed, cut off or exchanged since it was written, or its data key is another one."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def new_key() -> bytes:
    """A random data key, KEY_BYTES long."""
    return os.urandom(KEY_BYTES)


def is_encrypted(head: bytes) -> bool:
    """Whether a file that begins so was written by `encrypt`; at least len(MARK) bytes are needed."""
    return head.startswith(MARK)


def encrypt(content: bytes, *, key: bytes, name: str) -> bytes:
    """The whole file for this content. key: KEY_BYTES; name: what the file is called wherever it is read."""
    return b"".join(encrypt_stream(BytesIO(content), key=key, name=name))


def decrypt(content: bytes, *, key: bytes, name: str) -> bytes:
    """The inverse of `encrypt`. Raises FileDamaged."""
    return b"".join(decrypt_stream(BytesIO(content), key=key, name=name))


def encrypt_stream(source: Readable, *, key: bytes, name: str) -> Iterator[bytes]:
    """The pieces of the encrypted file, in the memory of two segments."""
    salt, prefix = os.urandom(SALT_BYTES), os.urandom(PREFIX_BYTES)
    yield MARK + bytes([HEADER_BYTES]) + salt + prefix
    cipher = _cipher(key, salt, name)
    size = (
        SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
    )  # with its header, the first segment is as long as the others
    for number, (segment, is_last) in enumerate(_segments(source, size, SEGMENT_BYTES - TAG_BYTES)):
        yield cipher.encrypt(_nonce(prefix, number, is_last), segment, None)


def decrypt_stream(source: Readable, *, key: bytes, name: str) -> Iterator[bytes]:
    """The pieces of the content. A piece is genuine and in its place when it comes, but only the end of the iteration
    says that none is missing. Raises FileDamaged."""
    head = _read(source, len(MARK) + HEADER_BYTES)
    if not is_encrypted(head) or len(head) < len(MARK) + HEADER_BYTES or head[len(MARK)] != HEADER_BYTES:
        raise FileDamaged(
            name, f"{name} is not a whole encrypted file: its beginning is missing or another one"
        )
    salt, prefix = head[-SALT_BYTES - PREFIX_BYTES : -PREFIX_BYTES], head[-PREFIX_BYTES:]
    cipher = _cipher(key, salt, name)
    for number, (segment, is_last) in enumerate(
        _segments(source, SEGMENT_BYTES - HEADER_BYTES, SEGMENT_BYTES)
    ):
        try:
            yield cipher.decrypt(_nonce(prefix, number, is_last), segment, None)
        except InvalidTag as refused:
            raise FileDamaged(
                name,
                f"{name} cannot be decrypted: it was changed, cut off or exchanged with another file, or it was "
                "encrypted with another data key. Restore it from a backup.",
            ) from refused


def encrypted_size(size_bytes: int) -> int:
    """The size of the encrypted file for a content of this size."""
    segments = max(1, -(-(size_bytes + HEADER_BYTES) // (SEGMENT_BYTES - TAG_BYTES)))
    return len(MARK) + HEADER_BYTES + size_bytes + segments * TAG_BYTES


def pieces_of(source: Readable) -> Iterator[bytes]:
    """A plain file in pieces of a segment's size."""
    return iter(lambda: source.read(SEGMENT_BYTES), b"")


def joined(pieces: Iterable[bytes]) -> BytesIO:
    """The pieces as a file in memory."""
    return BytesIO(b"".join(pieces))


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, this one has {len(key)}")
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, name.encode()).derive(key))


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    if number >= SEGMENTS_MAX:
        raise ValueError("a file of more than 2**32 segments cannot be encrypted")
    return prefix + number.to_bytes(4, "big") + bytes([is_last])


def _segments(source: Readable, first_size: int, size: int) -> Iterator[tuple[bytes, bool]]:
    """(segment, whether it is the last one); one empty segment for an empty source."""
    segment = _read(source, first_size)
    while following := _read(source, size):
        yield segment, False
        segment = following
    yield segment, True


def _read(source: Readable, size: int) -> bytes:
    """As many bytes, fewer only at the end of the source."""
    parts: list[bytes] = []
    while size > 0 and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
