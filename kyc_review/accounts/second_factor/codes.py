"""The codes of a second factor: of an authenticator app (TOTP, RFC 6238) and for recovery.

They are kept in the documented formats of allauth's `Authenticator.data`: `secret`, and `migrated_codes`, the unused
recovery codes; each sealed by our adapter.
"""

from __future__ import annotations

import secrets
import string
import time
from base64 import b32decode, b32encode
from typing import TYPE_CHECKING

from allauth.mfa.utils import decrypt, encrypt
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

if TYPE_CHECKING:
    from allauth.mfa.models import Authenticator

DIGITS = 6
STEP_S = 30
STEPS_TOLERATED = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10
RECOVERY_DIGITS = 8
UNUSED = "migrated_codes"
_TYPED = str.maketrans("", "", string.punctuation + string.whitespace)


def secret_new() -> str:
    """160 random bits in base32."""
    return b32encode(secrets.token_bytes(20)).decode()


def matching_step(secret: str, code: str) -> int | None:
    """The 30 s step since 1970, of the present one and its neighbours, whose code this is."""
    hotp = HOTP(b32decode(secret, casefold=True), DIGITS, SHA1())  # noqa: S303  (what authenticator apps use)
    now = int(time.time()) // STEP_S
    steps = range(now - STEPS_TOLERATED, now + STEPS_TOLERATED + 1)
    return next((step for step in steps if is_same_code(code, hotp.generate(step).decode())), None)


def recovery_codes_new() -> list[str]:
    return [f"{secrets.randbelow(10**RECOVERY_DIGITS):0{RECOVERY_DIGITS}}" for _ in range(RECOVERY_CODES)]


def sealed(codes: list[str]) -> dict[str, list[str]]:
    """`Authenticator.data` of these recovery codes."""
    return {UNUSED: [encrypt(code) for code in codes]}


def codes_left(row: Authenticator) -> int:
    return len(row.data.get(UNUSED, ()))


def recovery_code_use(row: Authenticator, code: str) -> bool:
    """Whether it is an unused one; then it is used. `row` is locked by the caller. Raises FactorUnreadable."""
    unused = row.data.get(UNUSED, [])
    left = [kept for kept in unused if not is_same_code(code, decrypt(kept))]
    if len(left) == len(unused):
        return False
    row.data[UNUSED] = left
    row.save(update_fields=["data"])
    return True


def is_same_code(typed: str, code: str) -> bool:
    """Ignores blanks and dashes in the input; compares in constant time."""
    return secrets.compare_digest(typed.translate(_TYPED).encode(), code.encode())
