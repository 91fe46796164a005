"""What is stored of a secret key or token, which nothing can turn back into it."""

import hashlib


def key_digest(key: str) -> str:
    """Hexadecimal SHA-512. Keys are random, so no slow hash is needed."""
    return hashlib.sha512(key.encode()).hexdigest()
