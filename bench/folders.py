"""Folders of runs in the temporary folder, and the end of those that killed runs have left there."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from devstack.os_user import postgres_elsewhere
from devstack.paths import StackPaths

PREFIX = "kyc-bench-run-"


@contextmanager
def bench_folder() -> Iterator[Path]:
    """An empty folder, gone again after the block; before it, what killed runs have left is removed."""
    stale_remove()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with _locked(folder):
        try:
            yield folder
        finally:
            _remove(folder)


def stale_remove() -> None:
    """Folders whose run has ended and that no process uses, such as a database that outlived its run.

    A run locks its folder until it ends, which processes of other containers see, too.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(folder):  # of a run that lives, of another account, or gone meanwhile
            if folder.lstat().st_uid != os.getuid():
                continue
            if not any(_is_used(place) for place in (folder, *_databases(folder))):
                _remove(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError when another process has it, OSError when it cannot be opened."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)


def _remove(folder: Path) -> None:
    for data in _databases(folder):
        shutil.rmtree(data.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _databases(folder: Path) -> list[Path]:
    """Where Postgres' data is that had to be elsewhere (`postgres_home` in devstack/os_user.py)."""
    found = [postgres_elsewhere(StackPaths(place)) for place in (folder, folder / "stack")]
    return [data for data in found if data is not None]


def _is_used(folder: Path) -> bool:
    """Whether a process was started with it or works in it."""
    found = psutil.process_iter(["cmdline", "cwd"])  # None where this user may not look
    return any(
        str(folder) in text for one in found for text in [*(one.info["cmdline"] or ()), one.info["cwd"] or ""]
    )
