"""Copies on this machine of what a storage keeps elsewhere, for libraries and processes that read paths.

A copy is a folder LOCAL_COPIES_DIR/<kind>/<digest>, made once per content for all processes of the machine: under a
lock, next to its place, then renamed. A user holds a shared lock on the folder, which ends with its process; only what
is not held is removed to keep within LOCAL_COPIES_MAX_BYTES.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage

from kyc_review.core import folders

ATTEMPTS = 3
STAGED = "staged-"
STALE = ".stale-"


def is_local(storage: Storage) -> bool:
    """Whether its files lie on a disk of this machine and are used in place, without a copy."""
    return isinstance(storage, FileSystemStorage)


@contextmanager
def local_copy(
    kind: str, digest: str, *, fill: Callable[[Path], None], is_sound: Callable[[Path], bool]
) -> Iterator[Path]:
    """The folder, kept at least as long as the block.

    fill: puts the files into an empty folder and checks them; is_sound: whether a folder has what the digest names,
    asked before each use. A copy that is not is made again. Raises what `fill` raises, OSError.
    """
    place = _root(kind) / digest
    for _ in range(ATTEMPTS):
        lock = _share(place)
        if lock is None:
            _make(place, fill)
            lock = _share(place)
        if lock is None:
            continue
        try:
            if is_sound(place):
                os.utime(place)  # the time of its last use
                yield place
                return
        finally:
            os.close(lock)
        with _alone(place.parent):
            _discard(place)
    raise OSError(errno.EAGAIN, f"was removed or damaged {ATTEMPTS} times while it was made", str(place))


def copies_remove(kind: str) -> int:
    """Remove the copies of this kind that are not in use, and what died while it was made; how many copies."""
    root = Path(settings.LOCAL_COPIES_DIR) / kind
    if not root.is_dir():
        return 0
    with _alone(root):
        _leftovers_remove(root)
        return sum(_discard_unused(place) for place in _copies(root))


def _root(kind: str) -> Path:
    root = Path(settings.LOCAL_COPIES_DIR) / kind
    folders.folder_make(root)
    return root


def _make(place: Path, fill: Callable[[Path], None]) -> None:
    with _alone(place.parent):
        if place.exists():  # another process was faster
            return
        _leftovers_remove(place.parent)
        with folders.staging(place.parent, f"{STAGED}{uuid.uuid4().hex}") as folder:
            fill(folder)
            folders.publish(folder, place)
    _make_room(place)


def _make_room(newest: Path) -> None:
    """Remove what was not used for longest until all copies fit; what is in use stays, however large it is."""
    sizes = {
        place: _size_bytes(place)
        for root in Path(settings.LOCAL_COPIES_DIR).iterdir()
        if root.is_dir()
        for place in _copies(root)
    }
    total = sum(sizes.values())
    for place in sorted(sizes, key=_last_used):
        if total <= settings.LOCAL_COPIES_MAX_BYTES:
            return
        if place != newest and _discard_unused(place):
            total -= sizes[place]


def _copies(root: Path) -> list[Path]:
    return [place for place in root.iterdir() if place.is_dir() and not place.name.startswith(".")]


def _last_used(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:  # removed meanwhile
        return 0.0


def _size_bytes(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """No other process makes or discards a copy of this kind until the block or the process ends."""
    with open(root / ".lock", "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _share(place: Path) -> int | None:
    """A descriptor that keeps the copy from being removed until it is closed; None when there is no copy."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        is_in_place = os.path.samestat(os.fstat(descriptor), os.stat(place))
    except FileNotFoundError:
        is_in_place = False
    if not is_in_place:  # removed before the lock was had
        os.close(descriptor)
        return None
    return descriptor


def _discard_unused(place: Path) -> bool:
    """Whether it was removed: a copy in use is not."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _discard(place)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _discard(place: Path) -> None:
    stale = place.with_name(f"{STALE}{uuid.uuid4().hex}")
    try:
        place.rename(stale)
    except FileNotFoundError:
        return
    shutil.rmtree(stale, ignore_errors=True)


def _leftovers_remove(root: Path) -> None:
    """What processes that died left; under the lock nothing else can be in the making."""
    for pattern in (f".{STAGED}*", f"{STALE}*"):
        for left in root.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
