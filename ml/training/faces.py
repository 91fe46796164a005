"""The framed faces of a training run: one file without a name, from which all its processes read single rows.

Memory holds a batch, whatever the number of decisions; what the system keeps of the file in its cache, it gives back
when others ask for memory. The name is taken away as soon as every process has the file open: it ends with the last of
them, however they end, and no face stays behind.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from detection.bundle import View
from detection.preprocess import crop
from ml.bank import FULL, STORED
from ml.training.ranks import ALONE, Ranks

SHAPE = (STORED, STORED, 3)
ROW_BYTES = STORED * STORED * 3
SPARE_BYTES = 200_000_000  # for weights and the candidate, which are written beside
NAME = "faces.part"
READERS_MAX = 8


class NoSpace(ValueError):
    """The disk is too small for the faces; the text says what is free and what is needed."""


class Faces:
    """Photographs as serving frames them, (176, 176, 3) uint8 each; there to be read inside `kept_in` only."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._file: int | None = None

    def rows(self, rows: Sequence[int]) -> "Framed":
        """Those at these positions, in this order."""
        return Framed(self, rows)

    def read(self, row: int) -> np.ndarray:
        """(176, 176, 3) uint8, not to be written to. Raises OSError."""
        if self._file is None:
            raise ValueError("the faces are not kept anywhere yet")
        data = os.pread(self._file, ROW_BYTES, row * ROW_BYTES)
        if len(data) != ROW_BYTES:
            raise OSError(f"row {row} of the framed faces cannot be read: {len(data)} of {ROW_BYTES} bytes")
        return np.frombuffer(data, np.uint8).reshape(SHAPE)

    @contextmanager
    def kept_in(self, folder: Path, crew: Ranks = ALONE) -> Iterator[None]:
        """Decode and frame all of them into a file there, each process its part, and keep it as long as the block.

        Raises NoSpace, OSError.
        """
        path, size = folder / NAME, len(self._paths) * ROW_BYTES
        if crew.is_first:
            path.unlink(missing_ok=True)  # of a run that was killed while the file had its name
            _require_space(folder, size, len(self._paths))
            path.touch(mode=0o600)
        crew.together()
        self._file = os.open(path, os.O_RDWR)
        try:
            crew.together()
            if crew.is_first:
                path.unlink()
                if sys.platform == "linux":  # nobody else takes the space meanwhile
                    os.posix_fallocate(self._file, 0, size)
            self._frame(self._file, crew)
            crew.together()
            yield
        finally:
            os.close(self._file)
            self._file = None

    def _frame(self, file: int, crew: Ranks) -> None:
        threads = min(READERS_MAX, max(1, len(os.sched_getaffinity(0)) // crew.count))

        def part(number: int) -> None:
            for row in range(crew.rank * threads + number, len(self._paths), crew.count * threads):
                os.pwrite(file, framed(self._paths[row]).tobytes(), row * ROW_BYTES)

        with ThreadPoolExecutor(threads, "reader") as readers:
            list(readers.map(part, range(threads)))


class Framed:
    """Some faces as one array to read single rows of."""

    def __init__(self, faces: Faces, rows: Sequence[int]) -> None:
        self._faces, self._rows = faces, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> np.ndarray:
        """framed[row] or framed[row, ...], as `ml.bank.Joined`."""
        row, *rest = at if isinstance(at, tuple) else (at,)
        return np.asarray(self._faces.read(self._rows[row])[tuple(rest)])


def framed(path: Path) -> np.ndarray:
    """(176, 176, 3) uint8 RGB: what serving sees of the photograph, and a margin to move a window in."""
    with Image.open(path) as opened:
        return crop(opened.convert("RGB"), View(STORED, STORED / FULL))


def _require_space(folder: Path, size: int, count: int) -> None:
    free, needed = shutil.disk_usage(folder).free, size + SPARE_BYTES
    if free < needed:
        raise NoSpace(
            f"{folder} has {free // 1_000_000:,} MB free, training on {count:,} decisions needs "
            f"{needed // 1_000_000:,} MB while it runs: free some space and ask again"
        )
