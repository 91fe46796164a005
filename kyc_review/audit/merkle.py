"""Merkle trees as RFC 9162 (and RFC 6962 before it) define them, section 2.1: SHA-256, prefix 0x00 before a leaf's
data and 0x01 before two nodes. Standard library only. `tools/verify_receipt.py` checks proofs on its own.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The 32 bytes of one leaf."""
    return sha256(b"\x00" + data).digest()


def root_hash(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes in their order; without leaves, the hash of nothing.

    A node without a neighbour moves up unchanged: the same tree as the RFC's split at the largest power of two.
    """
    if not leaves:
        return sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The neighbours on the way from leaf `index` (from 0) to the root, the lowest first (RFC 9162, 2.1.3.1).

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    proof = []
    level = list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            proof.append(level[neighbour])
        level, index = _next_level(level), index // 2
    return proof


def split_hashes(joined: bytes) -> list[bytes]:
    """The hashes that were stored one after the other. Raises ValueError when the last is not complete."""
    if len(joined) % HASH_BYTES:
        raise ValueError(f"{len(joined)} bytes are no sequence of hashes of {HASH_BYTES} bytes")
    return [joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)]


def _next_level(level: list[bytes]) -> list[bytes]:
    pairs = [
        sha256(b"\x01" + left + right).digest()
        for left, right in zip(
            level[::2], level[1::2], strict=False
        )  # an odd number leaves the last one over
    ]
    return pairs + level[-1:] if len(level) % 2 else pairs
