"""The files of snapshots in the storage `snapshots`: <name>/manifest.json and <name>/images/<sha256>.<extension>.

A local storage is used in place. From any other, what trains or measures gets a copy on its machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from kyc_review.core import folders
from kyc_review.core.errors import DomainError
from kyc_review.core.local_copies import copies_remove, is_local, local_copy
from kyc_review.core.transfers import all_at_once
from kyc_review.datasets import manifest
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_pictures import SnapshotPictures

COPIES = "snapshots"
AT_ONCE = 8  # downloads


class SnapshotFailed(DomainError):
    """The set cannot be frozen or is not what it was; the text says which file and why."""

    code = "snapshot_refused"


def storage() -> Storage:
    return storages["snapshots"]


def is_in_place() -> bool:
    """Whether the files lie on a disk of this machine."""
    return is_local(storage())


def key_of(snapshot: Snapshot, name: str) -> str:
    """name: as in the manifest, or manifest.json."""
    return f"{snapshot.name}/{name}"


def place_of(snapshot: Snapshot, name: str = manifest.NAME) -> str:
    """Where a file is, for people."""
    return str(snapshot.directory / name) if is_in_place() else f"snapshots/{key_of(snapshot, name)}"


def not_as_frozen(snapshot: Snapshot, name: str) -> SnapshotFailed:
    return SnapshotFailed(f"{place_of(snapshot, name)} is missing or was changed after it was frozen.")


def file_open(snapshot: Snapshot, name: str = manifest.NAME) -> BinaryIO:
    """A file as it is stored, encrypted or not. Raises OSError."""
    opened = storage().open(key_of(snapshot, name))
    return cast(BinaryIO, opened.file)  # of django's, reading lines would begin again at the start


def file_remove(snapshot: Snapshot, name: str) -> None:
    """Safe to repeat. Raises OSError."""
    storage().delete(key_of(snapshot, name))


def image_names(snapshot: Snapshot) -> list[str]:
    """Each image of the manifest once, sorted; some may have been erased since. Raises OSError."""
    with file_open(snapshot) as file:
        return sorted({item["path"] for item in manifest.items(file)})


def image_sha256(snapshot: Snapshot, name: str, pictures: SnapshotPictures) -> str:
    """Of the content, decrypted. Raises FileUnreadable, OSError."""
    with file_open(snapshot, name) as file:
        return pictures.sha256_of(file, name)


def image_save(snapshot: Snapshot, name: str, content: bytes, pictures: SnapshotPictures) -> None:
    """Put an image into a storage that is not local; what has its name is replaced. Raises OSError."""
    storage().save(key_of(snapshot, name), ContentFile(pictures.stored(content, name)))


def image_replace(snapshot: Snapshot, name: str, content: bytes, pictures: SnapshotPictures) -> None:
    """Put its encryption in the place of an image, in one step. Raises OSError."""
    cast(Any, storage()).replace(key_of(snapshot, name), ContentFile(pictures.stored(content, name)))


def manifest_save(snapshot: Snapshot, file: IO[bytes]) -> None:
    """Raises OSError."""
    storage().save(key_of(snapshot, manifest.NAME), File(file))


def strays_remove(snapshot: Snapshot, *, keep: set[str]) -> None:
    """Delete the images of a storage that is not local but for those of these names. Raises OSError."""
    kept = {key_of(snapshot, name) for name in keep}
    cast(Any, storage()).delete_below(key_of(snapshot, "images"), keep=kept)
    if not keep:
        file_remove(snapshot, manifest.NAME)


def manifest_verify(*, snapshot: Snapshot) -> None:
    """Raises SnapshotFailed when the manifest is not the one that was frozen, OSError. It holds the images' hashes,
    which are compared when an image is read."""
    with file_open(snapshot) as file:
        found, _ = folders.copy_hashed(file, None)
    if found != snapshot.manifest_sha256:
        raise SnapshotFailed(f"{place_of(snapshot)} was changed after it was frozen.")


@contextmanager
def snapshot_folder(
    snapshot: Snapshot, *, erased: Callable[[Snapshot], set[str]], alive: Callable[[], Any]
) -> Iterator[Path]:
    """A folder on this machine with the manifest and the images that were not erased, encrypted as they are stored.

    erased: SHA-256 of the images that may be missing, and that no copy may keep; alive: called while it is copied.
    Raises SnapshotFailed when a file is missing or not what was frozen, OSError.
    """
    if is_in_place():
        yield snapshot.directory
        return
    gone = erased(snapshot)
    with local_copy(
        COPIES,
        snapshot.manifest_sha256,
        fill=lambda folder: _fetch(snapshot, folder, gone, alive),
        is_sound=lambda folder: folders.sha256_of(folder / manifest.NAME) == snapshot.manifest_sha256,
    ) as folder:
        for sha256 in gone:
            for image in (folder / "images").glob(f"{sha256}.*"):
                image.unlink(missing_ok=True)
        yield folder


def snapshot_copies_remove() -> None:
    """Remove the copies that nothing trains on: what is erased must not stay on other machines."""
    copies_remove(COPIES)


def _fetch(snapshot: Snapshot, folder: Path, gone: set[str], alive: Callable[[], Any]) -> None:
    pictures = SnapshotPictures.of(snapshot)
    with file_open(snapshot) as source, folders.open_private(folder / manifest.NAME) as target:
        found, _ = folders.copy_hashed(source, target)
    if found != snapshot.manifest_sha256:
        raise SnapshotFailed(f"{place_of(snapshot)} was changed after it was frozen.")
    with open(folder / manifest.NAME, "rb") as file:
        wanted: dict[str, str] = {item["path"]: item["sha256"] for item in manifest.items(file)}
    (folder / "images").mkdir(mode=0o700)

    def fetch(name: str) -> None:
        """One image, as it is stored."""
        try:
            with file_open(snapshot, name) as source, folders.open_private(folder / name) as target:
                folders.copy_hashed(source, target)
        except FileNotFoundError:
            (folder / name).unlink(missing_ok=True)
            if wanted[name] in gone:
                return
            raise not_as_frozen(snapshot, name) from None
        with open(folder / name, "rb") as file:
            if pictures.sha256_of(file, name) != wanted[name]:
                raise not_as_frozen(snapshot, name)

    all_at_once(fetch, wanted, threads=AT_ONCE, name="snapshot", alive=alive)
