"""Secrets at rest: a copy of the database alone does not let anybody sign in the product's name.

Fernet (AES-128-CBC with HMAC-SHA256). The key is derived from WEBHOOK_SECRETS_KEY, or from SECRET_KEY where that is
empty. Several keys separated by commas: the first seals, all of them open, so a key can be changed.
"""

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class SealBroken(Exception):
    """No key of this process opens the secret: it was sealed with another one."""


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken(
            "The endpoint's secret was sealed with another key; restore WEBHOOK_SECRETS_KEY or rotate the secret."
        ) from None


def _box() -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet  # here: few web processes ever need it

    keys = settings.WEBHOOK_SECRETS_KEY or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    """HMAC with a name of its own: what SECRET_KEY signs elsewhere says nothing about this key."""
    digest = hmac.digest(key.encode(), b"kyc_review.webhooks.sealing", hashlib.sha256)
    return base64.urlsafe_b64encode(digest)
