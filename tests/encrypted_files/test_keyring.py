"""What a process of `ml` reads and writes with the keys that it was given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from encrypted_files import keyring, stream
from encrypted_files.keyring import Keyring, environment, read_bytes, write_bytes

FACE = b"\xff\xd8 a face"
KEY = stream.new_key()


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder `set` and a file `other.jpg` whose keys this process has; the folder."""
    folder, file = tmp_path / "set", tmp_path / "other.jpg"
    folder.mkdir()
    known = Keyring({str(folder): ("snapshots/june", KEY.hex())}, {str(file): ("originals/x", KEY.hex())})
    (tmp_path / "keys").write_bytes(known.sealed(KEY))
    assert KEY.hex().encode() not in (tmp_path / "keys").read_bytes()
    for name, text in environment(tmp_path / "keys", KEY).items():
        monkeypatch.setenv(name, text)
    keyring._given.cache_clear()
    yield folder
    keyring._given.cache_clear()


def test_files_of_a_folder_and_single_files_are_read_by_their_names(given: Path) -> None:
    (given / "images").mkdir()
    (given / "images" / "a.jpg").write_bytes(
        stream.encrypt(FACE, key=KEY, name="snapshots/june/images/a.jpg")
    )
    (given.parent / "other.jpg").write_bytes(stream.encrypt(FACE, key=KEY, name="originals/x"))
    assert read_bytes(given / "images" / "a.jpg") == FACE
    assert read_bytes(given.parent / "other.jpg") == FACE


def test_what_is_written_into_a_folder_with_a_key_is_encrypted(given: Path) -> None:
    write_bytes(given / "0.png", FACE)
    assert FACE not in (given / "0.png").read_bytes()
    assert read_bytes(given / "0.png") == FACE
    write_bytes(given.parent / "0.png", FACE)
    assert (given.parent / "0.png").read_bytes() == FACE


def test_an_encrypted_file_without_a_key_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(stream.encrypt(FACE, key=KEY, name="a"))
    with pytest.raises(stream.FileUnreadable, match=r"was given no key"):
        read_bytes(tmp_path / "a.jpg")
