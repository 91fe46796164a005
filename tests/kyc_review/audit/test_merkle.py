"""Against RFC 9162's recursive definition, and a tree of a published implementation's test."""

from hashlib import sha256

import pytest

from kyc_review.audit.merkle import inclusion_proof, leaf_hash, root_hash, split_hashes

# The leaves and roots of Certificate Transparency's reference tests (merkle tree of 0 to 8 leaves).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def recursive_root(data: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if len(data) < 2:
        return sha256(b"\x00" + data[0]).digest() if data else sha256().digest()
    split = 1
    while split * 2 < len(data):
        split *= 2
    return sha256(b"\x01" + recursive_root(data[:split]) + recursive_root(data[split:])).digest()


def test_roots_are_those_of_certificate_transparency() -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]
    assert [root_hash(leaves[:count]).hex() for count in range(9)] == ROOTS


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 8, 21, 64, 65])
def test_the_tree_is_the_one_of_the_recursive_definition(count: int) -> None:
    data = [str(number).encode() for number in range(count)]
    assert root_hash([leaf_hash(one) for one in data]) == recursive_root(data)


def test_the_proofs_are_those_of_the_rfc_s_example() -> None:
    """RFC 9162, 2.1.5: seven leaves."""
    leaves = [leaf_hash(bytes([number])) for number in range(7)]
    g, h, i = (sha256(b"\x01" + leaves[at] + leaves[at + 1]).digest() for at in (0, 2, 4))
    k, right = sha256(b"\x01" + g + h).digest(), sha256(b"\x01" + i + leaves[6]).digest()
    assert inclusion_proof(leaves, 0) == [leaves[1], h, right]
    assert inclusion_proof(leaves, 3) == [leaves[2], g, right]
    assert inclusion_proof(leaves, 4) == [leaves[5], leaves[6], k]
    assert inclusion_proof(leaves, 6) == [i, k]


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="leaf 2 of 2"):
        inclusion_proof([bytes(32), bytes(32)], 2)


def test_half_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="33 bytes"):
        split_hashes(bytes(33))
