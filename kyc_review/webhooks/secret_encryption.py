"""Encryption of secrets at rest: a copy of the database alone is not enough to sign messages.

Fernet (AES-128-CBC with HMAC-SHA256). The key is derived from WEBHOOK_SECRETS_KEY, or from SECRET_KEY where
that is empty. Several keys separated by commas: the first encrypts, all of them decrypt, so a key can be
rotated.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_noop

from kyc_review.core.encryption import box
from kyc_review.core.stored_texts import stored

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

PURPOSE = "kyc_review.webhooks.secret_encryption"
OTHER_KEY = stored(
    gettext_noop(
        "The endpoint's secret was encrypted with another key; restore WEBHOOK_SECRETS_KEY or rotate the secret."
    )
)


class SealBroken(Exception):
    """No key of this process decrypts the secret: it was encrypted with another one."""


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken(OTHER_KEY) from None


def is_sealed_with(key: str, sealed: str) -> bool:
    """Whether this value alone decrypts it."""
    from cryptography.fernet import InvalidToken

    try:
        box([key], purpose=PURPOSE).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _box() -> "MultiFernet":
    keys = settings.WEBHOOK_SECRETS_KEY or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return box(keys, purpose=PURPOSE)
