"""The format: what is read is what was written, and every change is found."""

from base64 import b64decode
from collections.abc import Callable

import pytest

from encrypted_files import stream
from encrypted_files.stream import FileDamaged, decrypt, encrypt, encrypted_size, is_encrypted

KEY = bytes(range(32))
NAME = "originals/ab/abcd.jpeg"
FIRST = (
    stream.SEGMENT_BYTES - stream.HEADER_BYTES - stream.TAG_BYTES
)  # bytes of content that fill the first segment
START = len(stream.MARK) + stream.HEADER_BYTES
SECOND = len(stream.MARK) + stream.SEGMENT_BYTES  # where the second segment begins
# Written by Tink 1.16.1 for Python with the key template AES256_GCM_HKDF_1MB.
TINK_KEY = bytes.fromhex("67e39a7e8193a2353eec13189d954e1e6d13c69568091cdfae45d7388575dedb")
TINK_CIPHERTEXT = b64decode(
    "KFiioXBDT7kM9a7dv6RTgWoUVc+LS2zeKHhFDLAs2o7jOvpfdY/NO4I1vDVRCFYmoauOZLB0awaG/NI/GtIkDbBJoIA2ncw="
)


def of_size(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize(
    "size", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + stream.SEGMENT_BYTES - 16, 2_500_000]
)
def test_a_file_of_any_size_is_read_as_it_was_written(size: int) -> None:
    content = of_size(size)
    written = encrypt(content, key=KEY, name=NAME)
    assert is_encrypted(written)
    assert len(written) == encrypted_size(size)
    assert decrypt(written, key=KEY, name=NAME) == content


def test_what_tink_wrote_is_read() -> None:
    assert decrypt(stream.MARK + TINK_CIPHERTEXT, key=TINK_KEY, name=NAME) == b"written by Tink"


def test_two_files_of_one_content_have_nothing_in_common() -> None:
    first, second = (encrypt(b"a" * 1000, key=KEY, name=NAME) for _ in range(2))
    assert first[START:] != second[START:]


def swapped_segments(file: bytes) -> bytes:
    """The second and the third segment change places."""
    size = stream.SEGMENT_BYTES
    return (
        file[:SECOND]
        + file[SECOND + size : SECOND + 2 * size]
        + file[SECOND : SECOND + size]
        + file[SECOND + 2 * size :]
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file[:-1],
        lambda file: file[:SECOND],  # at the border of two segments
        lambda file: file[: SECOND + stream.SEGMENT_BYTES],
        lambda file: file[:START],
        lambda file: file[:20],
        lambda file: file + b"\0",
        swapped_segments,
        lambda file: file[:SECOND] + file[SECOND + stream.SEGMENT_BYTES :],
        lambda file: file[:START] + bytes([file[START] ^ 1]) + file[START + 1 :],
        lambda file: file[:-1] + bytes([file[-1] ^ 1]),
        lambda file: file[:12] + bytes([file[12] ^ 1]) + file[13:],  # in the salt
    ],
)
def test_a_changed_file_is_refused(change: Callable[[bytes], bytes]) -> None:
    written = encrypt(of_size(3_500_000), key=KEY, name=NAME)
    with pytest.raises(FileDamaged, match=NAME):
        decrypt(change(written), key=KEY, name=NAME)


def test_another_name_and_another_key_are_refused() -> None:
    written = encrypt(b"a face", key=KEY, name=NAME)
    with pytest.raises(FileDamaged, match=r"exchanged with another file"):
        decrypt(written, key=KEY, name="originals/ab/other.jpeg")
    with pytest.raises(FileDamaged, match=r"another data key"):
        decrypt(written, key=bytes(32), name=NAME)
