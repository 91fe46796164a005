"""A ZIP whose files are listed with their SHA-256 in `SHA256SUMS`, which is signed with Ed25519 (RFC 8032).

Checked here without a database, or by hand: `sha256sum -c SHA256SUMS`, and `openssl pkeyutl -verify -pubin -inkey
public-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig`. A reader has to know from elsewhere that the key is the
bank's: the archive brings its own copy only so that it can be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

SUMS, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.sig", "public-key.pem"
CHUNK_BYTES = 1 << 20
LIST_MAX_BYTES = 10 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1  # bit of an entry's flags


class ArchiveInvalid(Exception):
    """The archive is not what was signed; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """files: how many were checked; fingerprint: SHA-256 of the key; is_trusted: the caller named this key."""

    files: int
    fingerprint: str
    is_trusted: bool


def public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the 32 bytes of the key, in hexadecimal."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def archive_write(
    file: BinaryIO, parts: Iterable[tuple[str, Iterable[bytes]]], key: Ed25519PrivateKey
) -> None:
    """Write (name, pieces of the content) in this order, then their sums, the signature and the public key."""
    sums = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in parts:
            digest = hashlib.sha256()
            with archive.open(_entry(name), "w", force_zip64=True) as target:
                for piece in pieces:
                    digest.update(piece)
                    target.write(piece)
            sums.append(f"{digest.hexdigest()}  {name}\n")
        listed = "".join(sums).encode()
        archive.writestr(_entry(SUMS), listed)
        archive.writestr(_entry(SIGNATURE), key.sign(listed))
        archive.writestr(_entry(KEY), public_pem(key.public_key()))


def archive_verify(path: Path, trusted: bytes | None = None) -> Verified:
    """Check signature, sums, and that nothing is missing or added. trusted: the PEM of the key that must have signed.

    Raises ArchiveInvalid, OSError.
    """
    content = path.open("rb")  # a file that cannot be opened says nothing about the archive
    try:
        with content, zipfile.ZipFile(content) as archive:
            _require_plain(archive)
            return _verified(archive, trusted)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise ArchiveInvalid(f"{path} is damaged, or no archive: {error}") from error


def _verified(archive: zipfile.ZipFile, trusted: bytes | None) -> Verified:
    names = archive.namelist()
    if len(set(names)) != len(names):
        raise ArchiveInvalid("A name occurs twice in the archive.")
    if missing := {SUMS, SIGNATURE, KEY} - set(names):
        raise ArchiveInvalid(f"{', '.join(sorted(missing))} is missing.")
    listed = _small(archive, SUMS)
    key = _public_key(trusted or _small(archive, KEY))
    enclosed = _small(archive, KEY)
    if fingerprint(_public_key(enclosed)) != fingerprint(key):
        raise ArchiveInvalid(f"It is signed with another key than {fingerprint(key)}.")
    if enclosed != public_pem(key):
        raise ArchiveInvalid(f"{KEY} holds more than the key.")
    try:
        key.verify(_small(archive, SIGNATURE), listed)
    except InvalidSignature as error:
        raise ArchiveInvalid(f"The signature does not belong to {SUMS} and this key.") from error
    sums = dict(_lines(listed))
    if wrong := set(sums) ^ (set(names) - {SUMS, SIGNATURE, KEY}):
        raise ArchiveInvalid(f"Missing or added since it was signed: {', '.join(sorted(wrong))}.")
    for name, expected in sums.items():
        with archive.open(name) as content:
            if _digest(content) != expected:
                raise ArchiveInvalid(f"{name} was changed since it was signed.")
    return Verified(len(sums), fingerprint(key), trusted is not None)


def _require_plain(archive: zipfile.ZipFile) -> None:
    """As `archive_write` makes them: nothing before, between the lines of, or behind what is signed."""
    entries = archive.infolist()
    if archive.comment or (entries and min(entry.header_offset for entry in entries)):
        raise ArchiveInvalid("There is something before or behind the files of the archive.")
    for entry in entries:
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in METHODS or entry.comment or entry.extra:
            raise ArchiveInvalid(f"{entry.filename!r} is stored in another way than the product does.")


def _lines(listed: bytes) -> Iterator[tuple[str, str]]:
    for line in listed.decode().splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _public_key(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise ArchiveInvalid("The public key cannot be read: expected PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ArchiveInvalid("The public key is no Ed25519 key.")
    return key


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(LIST_MAX_BYTES + 1)
    if len(content) > LIST_MAX_BYTES:
        raise ArchiveInvalid(f"{name} is too long.")
    return content


def _digest(content: IO[bytes]) -> str:
    found = hashlib.sha256()
    while piece := content.read(CHUNK_BYTES):
        found.update(piece)
    return found.hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    """Without a time of its own: the same content is the same archive."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=Path, help="the public key (PEM) that you know to be the bank's")


def main(arguments: Sequence[str]) -> int:
    """`manage.py evidence verify`: 0 for a valid archive, 1 for one that is not, 2 for a file that cannot be read."""
    parser = argparse.ArgumentParser(prog="manage.py evidence verify")
    add_verify_arguments(parser)
    chosen = parser.parse_args(arguments)
    try:
        found = archive_verify(chosen.file, chosen.key.read_bytes() if chosen.key else None)
    except ArchiveInvalid as invalid:
        sys.stderr.write(f"NOT VALID: {invalid}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {error.filename} cannot be read: {error.strerror}\n")
        return 2
    whose = (
        "the key that you named" if found.is_trusted else "the key in the archive: compare it with the bank's"
    )
    sys.stdout.write(f"Valid: {found.files} files, signed with key {found.fingerprint} ({whose}).\n")
    return 0
