"""Encrypts allauth's secrets, so that a copy of the database alone cannot produce codes."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken
from django.conf import settings

from kyc_review.core.encryption import box

PURPOSE = "kyc_review.accounts.second_factor"


class FactorUnreadable(Exception):
    """Encrypted with a SECRET_KEY that this process does not have; only a reset helps."""


class Adapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise FactorUnreadable("The second factor was encrypted with another SECRET_KEY.") from None


def is_encrypted_with(key: str, encrypted_text: str) -> bool:
    """Whether this value of SECRET_KEY alone decrypts it."""
    try:
        box([key], purpose=PURPOSE).decrypt(encrypted_text.encode())
    except InvalidToken:
        return False
    return True


def _box():  # type: ignore[no-untyped-def]  # MultiFernet, which is imported when it is needed
    return box([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], purpose=PURPOSE)
