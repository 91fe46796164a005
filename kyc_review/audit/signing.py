"""The Ed25519 key that seals batches, and the public keys that verification trusts.

Both are files: access to the database alone is enough neither to sign nor to add a key.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from kyc_review.core.files import sync_folder, write_private
from kyc_review.core.folders import folder_make

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MISSING = (
    "there is no signing key in {path}: restore it from your backup, or make a new one with "
    "`manage.py audit rotate-key` (batches that are already sealed stay valid)"
)


class SigningKeyError(Exception):
    """The text says what is wrong with which file, and what to do."""


def audit_dir() -> Path:
    """Where public keys and published roots are."""
    return Path(settings.AUDIT_DIR or settings.DATA_DIR / "audit")


def key_file() -> Path:
    return Path(settings.AUDIT_KEY_FILE or audit_dir() / "signing-key.pem")


def public_keys_dir() -> Path:
    return audit_dir() / "public-keys"


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key (32 bytes)."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def signing_key() -> Ed25519PrivateKey:
    """Raises SigningKeyError when the file is missing or holds something else."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = key_file()
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as missing:
        raise SigningKeyError(MISSING.format(path=path)) from missing
    except (OSError, TypeError, ValueError) as refused:
        raise SigningKeyError(f"{path} cannot be read as an unencrypted PEM key: {refused}") from refused
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} holds a key of another kind; Ed25519 is needed")
    return key


def signing_key_create() -> str:
    """Write a new private key (0600), replacing one that is there, and its public key; returns the key's id.

    The public keys of earlier ones stay.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    folder_make(key_file().parent)
    public_key_keep(key.public_key())
    write_private(key_file(), text)
    sync_folder(key_file().parent)
    return key_id(key.public_key())


def signing_key_ensure() -> None:
    """Make the first key of an installation. One that was lost is not replaced silently: sealing says so."""
    if not key_file().exists() and not any(public_keys_dir().glob("*.pem")):
        signing_key_create()


def public_key_keep(key: Ed25519PublicKey) -> None:
    """Write the public key into the folder of trusted keys, unless it is there."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    path = public_keys_dir() / f"{key_id(key)}.pem"
    if not path.exists():
        folder_make(path.parent)
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        write_private(path, text)


def public_keys(folder: Path | None = None) -> dict[str, Ed25519PublicKey]:
    """The trusted public keys by id, read from `*.pem` below `folder` (the default: the installation's own).

    Raises SigningKeyError when a file there is no Ed25519 public key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = {}
    for path in sorted((folder or public_keys_dir()).glob("*.pem")):
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as refused:
            raise SigningKeyError(f"{path} is no PEM public key: {refused}") from refused
        if not isinstance(key, Ed25519PublicKey):
            raise SigningKeyError(f"{path} holds a key of another kind; Ed25519 is needed")
        keys[key_id(key)] = key
    return keys
