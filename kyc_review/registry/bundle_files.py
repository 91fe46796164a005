"""The files of bundles in the storage `bundles`: <digest>/manifest.json, the weights that it names, a model card.

A local storage is used in place. From any other, weights are copied once to this machine and checked before each use;
papers are read where they are.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from detection import bundle as disk
from detection.bundle import BundleRefused
from kyc_review.core import folders
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.leases import Alive, no_lease
from kyc_review.core.local_copies import is_local, local_copy
from kyc_review.registry.models import Bundle

STAGED_MAX_S = 3600
COPIES = "bundles"


def bundle_find(bundle: Bundle) -> None:
    """Whether a local storage has the bundle's files, by their names alone: it is asked often.

    Raises BundleRefused when one is not there, as where the folder is not mounted.
    """
    if not is_local(_storage()):
        return
    try:
        raw = (bundle.directory / disk.MANIFEST).read_bytes()
        names = [part.file for part in disk.parse(raw, bundle.directory).networks]
    except FileNotFoundError:
        names = [disk.MANIFEST]
    except OSError as error:
        raise BundleRefused(f"BUNDLES_DIR cannot be read ({error.strerror}): mount it again") from error
    if missing := [name for name in names if not (bundle.directory / name).is_file()]:
        raise BundleRefused(
            f"{bundle.version} is in production, and BUNDLES_DIR of this worker has no {missing[0]} of it: mount the "
            "folder that web and all workers share, or add the bundle again from its source"
        )


def bundle_check(bundle: Bundle, *, alive: Alive = no_lease, copy_counts: bool = False) -> None:
    """Hash what the storage has; `alive` is called between its pieces, as in the functions below.

    copy_counts: while the storage does not answer, a sound copy on this machine is enough. Raises BundleRefused when a
    file is missing, damaged, another one, or cannot be read.
    """
    if is_local(_storage()):
        found = disk.read(bundle.directory)
        if found.digest != bundle.digest:
            raise BundleRefused(changed(bundle, found.digest))
        return
    try:
        _fetch(bundle.digest, None, alive)
    except BundleRefused as refused:
        is_away = isinstance(refused.__cause__, StorageUnavailable)
        if not (copy_counts and is_away and _has_sound_copy(bundle.digest)):
            raise


def _has_sound_copy(digest: str) -> bool:
    def refuse(_: Path) -> None:
        raise FileNotFoundError

    try:
        with local_copy(COPIES, digest, fill=refuse, is_sound=lambda folder: _is_sound(folder, digest)):
            return True
    except OSError:
        return False


@contextmanager
def bundle_folder(bundle: Bundle, *, alive: Alive = no_lease) -> Iterator[Path]:
    """A folder on this machine with the bundle's files; what reads them checks their hashes, as `disk.read` does.

    Raises BundleRefused when they cannot be had from the storage, or are not what was registered.
    """
    if is_local(_storage()):
        yield bundle.directory
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(
                local_copy(
                    COPIES,
                    bundle.digest,
                    fill=lambda folder: _fetch(bundle.digest, folder, alive),
                    is_sound=lambda folder: _is_sound(folder, bundle.digest),
                )
            )
        except OSError as error:
            raise BundleRefused(f"{place_of(bundle)} cannot be copied to this machine: {error}") from error
        yield folder


def bundle_store(found: disk.Bundle, *, alive: Alive = no_lease) -> None:
    """Put a checked copy into the storage; a sound one that is there stays, a damaged one is replaced.

    Raises BundleRefused, OSError.
    """
    if is_local(_storage()):
        _copy_in(found)
        return
    try:
        return _fetch(found.digest, None, alive)
    except (BundleRefused, OSError):
        pass  # it is missing, or what is there is damaged
    card = found.path / disk.MODEL_CARD
    if card.is_file() and not card.is_symlink():
        _save(found, disk.MODEL_CARD, folders.sha256_of(card), alive)
    for part in found.networks:
        _save(found, part.file, part.sha256, alive)
    _save(found, disk.MANIFEST, found.digest, alive)  # last: what has a manifest is whole
    _fetch(found.digest, None, alive)


def file_names(bundle: Bundle) -> list[str]:
    """What can be downloaded: manifest, model card and weights; empty when it cannot be read."""
    try:
        with file_open(bundle, disk.MANIFEST) as file:
            networks = disk.parse(file.read(), Path(bundle.digest)).networks
        names = [disk.MANIFEST, disk.MODEL_CARD, *sorted(each.file for each in networks)]
        return [name for name in names if _storage().exists(_key(bundle.digest, name))]
    except (BundleRefused, OSError):
        return []


def file_open(bundle: Bundle, name: str) -> IO[bytes]:
    """A file of the bundle as the storage has it, unchecked. Raises OSError."""
    return cast(IO[bytes], _storage().open(_key(bundle.digest, name)))


def place_of(bundle: Bundle) -> str:
    """Where the files are, for people."""
    return str(bundle.directory) if is_local(_storage()) else f"bundles/{bundle.digest}"


def changed(bundle: Bundle, digest: str) -> str:
    """The text for a bundle whose files have another digest than the registered one."""
    return (
        f"{place_of(bundle)}/{disk.MANIFEST} was changed: its SHA-256 is {digest[:12]}..., registered as "
        f"{bundle.digest[:12]}...; add the bundle again from its source"
    )


def _storage() -> Storage:
    return storages["bundles"]


def _key(digest: str, name: str) -> str:
    return f"{digest}/{name}"


def _fetch(digest: str, folder: Path | None, alive: Alive) -> None:
    """Read every file of the bundle, into the folder if there is one. Raises BundleRefused, OSError of the folder."""
    held = f"bundles/{digest}"
    raw = b"".join(_pieces(digest, disk.MANIFEST, alive))
    if (found := hashlib.sha256(raw).hexdigest()) != digest:
        raise BundleRefused(
            f"{held}/{disk.MANIFEST} was changed: its SHA-256 is {found[:12]}..., registered as {digest[:12]}...; add "
            "the bundle again from its source"
        )
    for part in disk.parse(raw, Path(held)).networks:
        if (found := _copied(digest, part.file, folder, alive)) != part.sha256:
            raise BundleRefused(
                f"{held}/{part.file}: SHA-256 is {found[:12]}..., the manifest says {part.sha256[:12]}...; add the "
                "bundle again from its source"
            )
    if folder is not None:
        if _storage().exists(_key(digest, disk.MODEL_CARD)):
            _copied(digest, disk.MODEL_CARD, folder, alive)
        with folders.open_private(folder / disk.MANIFEST) as target:
            target.write(raw)


def _copied(digest: str, name: str, folder: Path | None, alive: Alive) -> str:
    """The SHA-256 of a file of the storage, which is written into the folder on the way."""
    sha256 = hashlib.sha256()
    with ExitStack() as stack:
        target = stack.enter_context(folders.open_private(folder / name)) if folder else None
        for piece in _pieces(digest, name, alive):
            sha256.update(piece)
            if target is not None:
                target.write(piece)
    return sha256.hexdigest()


def _pieces(digest: str, name: str, alive: Alive) -> Iterator[bytes]:
    try:
        with _storage().open(_key(digest, name)) as file:
            for piece in file.chunks(folders.CHUNK_BYTES):
                alive()
                yield piece
    except OSError as error:
        raise BundleRefused(
            f"bundles/{digest}/{name} cannot be read from the storage ({error.strerror or error}); is it reachable? "
            "Otherwise add the bundle again from its source"
        ) from error


def _save(found: disk.Bundle, name: str, sha256: str, alive: Alive) -> None:
    """One object, unless the storage has it; another content in its place is replaced."""
    alive()
    key, storage = _key(found.digest, name), _storage()
    if storage.exists(key):
        if _copied(found.digest, name, None, alive) == sha256:
            return
        storage.delete(key)
    with open(found.path / name, "rb") as source:
        storage.save(key, File(source, name=key))


def _copy_in(found: disk.Bundle) -> None:
    """As `bundle_store`, for a local storage: whole or not at all."""
    place = Path(_storage().path(found.digest))
    root = place.parent
    if _is_sound(place, found.digest):
        return
    folders.leftovers_remove(root, prefix="incoming-", older_than_s=STAGED_MAX_S)
    with folders.staging(root, f"incoming-{uuid.uuid4().hex}") as folder:
        names = [disk.MANIFEST, *(part.file for part in found.networks)]
        card = found.path / disk.MODEL_CARD
        if card.is_file() and not card.is_symlink():
            names.append(disk.MODEL_CARD)
        for name in names:
            with open(found.path / name, "rb") as source, folders.open_private(folder / name) as target:
                folders.copy_hashed(source, target)
                folders.sync_file(target)
        if disk.read(folder).digest != found.digest:
            raise BundleRefused(
                f"{found.path} changed while it was copied; try again when it is no longer being written"
            )
        if not _is_sound(place, found.digest):  # another registration may have been faster
            folders.publish(folder, place)


def _is_sound(place: Path, digest: str) -> bool:
    try:
        return disk.read(place).digest == digest
    except BundleRefused:
        return False
