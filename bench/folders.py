"""Folders of runs in the temporary folder, and the end of those that killed runs have left there."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from devstack.paths import StackPaths

NAME = re.compile(r"kyc-bench-(\d+)-\w+")


@contextmanager
def bench_folder() -> Iterator[Path]:
    """An empty folder, gone again after the block; before it, what killed runs have left is removed."""
    stale_remove()
    folder = Path(tempfile.mkdtemp(prefix=f"kyc-bench-{os.getpid()}-"))
    try:
        yield folder
    finally:
        _remove(folder)


def stale_remove() -> None:
    """Folders whose run has ended and that no process uses, such as a database that outlived its run."""
    for folder in Path(tempfile.gettempdir()).glob("kyc-bench-*"):
        found = NAME.fullmatch(folder.name)
        if not found or psutil.pid_exists(int(found[1])) or folder.lstat().st_uid != os.getuid():
            continue
        if not any(_is_used(place) for place in (folder, *_databases(folder))):
            _remove(folder)


def _remove(folder: Path) -> None:
    for data in _databases(folder):
        shutil.rmtree(data.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _databases(folder: Path) -> list[Path]:
    """Where Postgres' data is that had to be elsewhere (`postgres_home` in devstack/os_user.py)."""
    pointers = [StackPaths(place).postgres_pointer for place in (folder, folder / "stack")]
    return [Path(pointer.read_text().strip()) for pointer in pointers if pointer.exists()]


def _is_used(folder: Path) -> bool:
    """Whether a process was started with it or works in it."""
    found = psutil.process_iter(["cmdline", "cwd"])  # None where this user may not look
    return any(
        str(folder) in text for one in found for text in [*(one.info["cmdline"] or ()), one.info["cwd"] or ""]
    )
