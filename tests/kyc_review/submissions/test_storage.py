import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File

from kyc_review.submissions.storage import DurableStorage, PrivateStorage


class Broken(File):
    """A content that fails in the middle."""

    def __init__(self) -> None:
        super().__init__(None)

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"begun"
        raise OSError(28, "No space left on device")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was synced to disk, in order."""
    paths: list[Path] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return paths


@pytest.mark.parametrize("kind", [PrivateStorage, DurableStorage])
def test_files_and_folders_are_for_the_service_alone(kind: type[PrivateStorage], tmp_path: Path) -> None:
    storage = kind(location=tmp_path / "data" / "originals")
    storage.save("ab/one.jpeg", ContentFile(b"pixels"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}
    tmp_path = tmp_path / "data" / "originals"
    assert (tmp_path / "ab/one.jpeg").read_bytes() == b"pixels"
    assert stat.S_IMODE((tmp_path / "ab/one.jpeg").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ab").stat().st_mode) == 0o700
    with pytest.raises(ValueError, match="no URL"):
        storage.url("ab/one.jpeg")


def test_an_original_its_name_and_a_new_folder_are_durable_before_save_returns(
    tmp_path: Path, synced: list[Path]
) -> None:
    storage = DurableStorage(location=tmp_path)
    storage.save("ab/one.jpeg", ContentFile(b"pixels"))
    assert synced == [tmp_path, tmp_path / "ab/one.jpeg", tmp_path / "ab"]
    storage.save("ab/two.jpeg", ContentFile(b"pixels"))
    assert synced[3:] == [tmp_path / "ab/two.jpeg", tmp_path / "ab"]


def test_an_original_is_never_written_over(tmp_path: Path) -> None:
    storage = DurableStorage(location=tmp_path)
    storage.save("ab/one.jpeg", ContentFile(b"first"))
    with pytest.raises(FileExistsError):
        storage.save("ab/one.jpeg", ContentFile(b"second"))
    assert (tmp_path / "ab/one.jpeg").read_bytes() == b"first"


def test_a_picture_made_again_replaces_the_earlier_whole(tmp_path: Path) -> None:
    storage = PrivateStorage(location=tmp_path)
    for content in (b"first", b"second"):
        storage.save("ab/one.jpeg", ContentFile(content))
    assert (tmp_path / "ab/one.jpeg").read_bytes() == b"second"
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["one.jpeg"]


@pytest.mark.parametrize("kind", [PrivateStorage, DurableStorage])
def test_a_disk_that_is_full_leaves_nothing_behind(kind: type[PrivateStorage], tmp_path: Path) -> None:
    storage = kind(location=tmp_path)
    with pytest.raises(OSError, match="No space left"):
        storage.save("ab/one.jpeg", Broken())
    assert list((tmp_path / "ab").iterdir()) == []
