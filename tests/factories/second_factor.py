"""Codes of an authenticator app, computed apart from the product."""

import hashlib
import hmac
import struct
from base64 import b32decode

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238's test vectors


def code_at(moment: float, secret: str = SECRET) -> str:
    """RFC 6238 with SHA-1 and six digits, computed apart from the product."""
    digest = hmac.new(b32decode(secret), struct.pack(">Q", int(moment) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"
