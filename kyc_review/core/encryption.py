"""Keys for secrets at rest, one for each purpose, derived from the process' secrets.

Fernet: AES-128-CBC with HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.fernet import MultiFernet


def box(keys: Sequence[str], *, purpose: str) -> MultiFernet:
    """The first key encrypts, all of them decrypt, so a key can be rotated."""
    from cryptography.fernet import Fernet, MultiFernet  # here: few web processes ever need it

    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(key: str, purpose: str) -> bytes:
    """HMAC with a name of its own: what SECRET_KEY signs elsewhere says nothing about this key."""
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), purpose.encode(), hashlib.sha256))
