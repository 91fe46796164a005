"""The framed faces of a training run: one file without a name, from which all its processes read single rows.

Memory holds a batch, whatever the number of decisions; what the system keeps of the file in its cache, it gives back
when others ask for memory. The name is taken away as soon as every process has the file open: it ends with the last of
them, however they end, and no face stays behind. In a process with a keyring every frame is encrypted (AES-256-GCM)
with a key that only the processes of this run know, and decrypted when it is read.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from PIL import Image
from torch import nn

from detection.bundle import FACE, View
from detection.decoding import ImageRefused, decode
from detection.decoding.limits import DECODE_MAX_SIDE
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face
from detection.forensics.compression_cells import cells_of_file
from detection.views import crop
from encrypted_files.keyring import process_key, read_bytes
from ml.training.batches import CELL
from ml.training.distributed import SINGLE_PROCESS, Processes
from ml.training.traces import traces_of
from ml.training_rows import FULL, STORED, TrainingRows

# What most members see lies in the middle of it. Windows move in it, which augments narrower views.
FRAME = View(STORED, STORED / FULL)
SPARE_BYTES = 200_000_000  # for weights and the candidate on the same disk
NAME = "faces.part"
READERS_MAX = 8
NONCE_BYTES, TAG_BYTES = 12, 16
SEAL_BYTES = NONCE_BYTES + TAG_BYTES


class NoSpace(ValueError):
    """The disk is too small for the faces; the text says what is free and what is needed."""


def frame_of(view: View) -> View:
    """The frame from which a view is cut: `FRAME` for views of its scale, otherwise the view itself.

    Raises ValueError for a side from which no batch can be made.
    """
    if view.side % CELL:
        raise ValueError(f"a view of {view.side} px cannot be trained: its side must be a multiple of {CELL}")
    if view.frame == FACE:
        return view
    is_inside = view.side <= STORED and abs(view.extent - view.side / FULL) <= 0.01
    return FRAME if is_inside else view


def frames_of(views: Iterable[View]) -> tuple[View, ...]:
    """Every frame that these views need, `FRAME` first."""
    others = {frame_of(view) for view in views} - {FRAME}
    return (FRAME, *sorted(others, key=lambda view: (view.frame, view.extent, view.side)))


@dataclass(frozen=True, slots=True)
class FoundFace:
    """The largest face of a photograph, and (2,) float32 logits of what a bundle's stack reads of its file."""

    place: FaceFrame
    traces: np.ndarray


def found_faces(paths: Sequence[Path], stack_input: nn.Module | None = None) -> list[FoundFace | None]:
    """The face of each photograph; None where none is found or the file cannot be read.

    stack_input: of the bundle (`detection.ensemble.stack_input`); without it, traces are zeros.
    """

    def search(path: Path) -> FoundFace | None:
        try:
            data = read_bytes(path)
            picture = decode(data, max_side=DECODE_MAX_SIDE)
        except (OSError, ImageRefused):
            return None
        face = largest_face(picture)
        if face is None:
            return None
        place = FaceFrame.of(face, picture.size)
        cells = cells_of_file(data, picture, place) if stack_input else None
        return FoundFace(place, traces_of(stack_input, [cells])[0])

    with ThreadPoolExecutor(min(READERS_MAX, len(os.sched_getaffinity(0))), "reader") as readers:
        return list(readers.map(search, paths))


class FramedFaces:
    """Photographs as serving frames them, (side, side, 3) uint8 for each frame; to be read inside `kept_in` only.

    places: where each photograph's face is, which frames around the face need.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        frames: Sequence[View] = (FRAME,),
        places: Sequence[FaceFrame | None] = (),
    ) -> None:
        if any(frame.frame == FACE for frame in frames) and (None in places or len(places) != len(paths)):
            raise ValueError("a frame around the face needs the place of the face in every photograph")
        self._paths, self.frames, self._places = paths, tuple(frames), places
        self._cipher = _run_cipher()
        sizes = [3 * frame.side**2 + (SEAL_BYTES if self._cipher else 0) for frame in frames]
        self._starts = dict(zip(frames, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        self._row_bytes = sum(sizes)
        self._file: int | None = None

    def rows(self, rows: Sequence[int]) -> "FramedRows":
        """Those at these positions, in this order."""
        return FramedRows(self, rows)

    def read(self, row: int, frame: View = FRAME) -> np.ndarray:
        """(side, side, 3) uint8, not to be written to. Raises OSError."""
        if self._file is None:
            raise ValueError("the faces are not kept anywhere yet")
        size, start = 3 * frame.side**2, row * self._row_bytes + self._starts[frame]
        stored = size + (SEAL_BYTES if self._cipher else 0)
        data = os.pread(self._file, stored, start)
        if len(data) != stored:
            raise OSError(f"row {row} of the framed faces cannot be read: {len(data)} of {stored} bytes")
        if self._cipher:
            data = self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], b"%d" % start)
        return np.frombuffer(data, np.uint8).reshape(frame.side, frame.side, 3)

    @contextmanager
    def kept_in(self, folder: Path, processes: Processes = SINGLE_PROCESS) -> Iterator[None]:
        """Decode and frame all of them into a file there, each process its part, and keep it as long as the block.

        Raises NoSpace, OSError, ImageRefused.
        """
        path, size = folder / NAME, len(self._paths) * self._row_bytes
        if processes.is_first:
            path.unlink(missing_ok=True)  # of a run that was killed while the file had its name
            _require_space(folder, size, len(self._paths))
            path.touch(mode=0o600)
        processes.wait_for_all()
        self._file = os.open(path, os.O_RDWR)
        try:
            processes.wait_for_all()
            if processes.is_first:
                path.unlink()
                if sys.platform == "linux":  # reserve the space
                    os.posix_fallocate(self._file, 0, size)
            self._frame(self._file, processes)
            processes.wait_for_all()
            yield
        finally:
            os.close(self._file)
            self._file = None

    def _frame(self, file: int, processes: Processes) -> None:
        threads = min(READERS_MAX, max(1, len(os.sched_getaffinity(0)) // processes.count))

        def part(number: int) -> None:
            for row in range(processes.rank * threads + number, len(self._paths), processes.count * threads):
                place = self._places[row] if self._places else None
                for frame, data in framed(self._paths[row], self.frames, place).items():
                    start = row * self._row_bytes + self._starts[frame]
                    os.pwrite(file, self._sealed(data, start), start)

        with ThreadPoolExecutor(threads, "reader") as readers:
            list(readers.map(part, range(threads)))

    def _sealed(self, data: bytes, start: int) -> bytes:
        if not self._cipher:
            return data
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, b"%d" % start)


class FramedRows:
    """Some faces in one of their frames, as one array to read single rows of."""

    def __init__(self, faces: FramedFaces, rows: Sequence[int], frame: View = FRAME) -> None:
        self._faces, self._rows, self._frame = faces, rows, frame

    def framed_as(self, frame: View) -> "FramedRows":
        """The same faces in another frame."""
        return FramedRows(self._faces, self._rows, frame)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> np.ndarray:
        """framed[row] or framed[row, ...], as `ml.training_rows.ConcatenatedImages`."""
        row, *rest = at if isinstance(at, tuple) else (at,)
        return np.asarray(self._faces.read(self._rows[row], self._frame)[tuple(rest)])


def framed(
    path: Path, frames: Sequence[View] = (FRAME,), place: FaceFrame | None = None
) -> dict[View, bytes]:
    """The photograph in each frame, (side, side, 3) uint8 RGB. place: of its face."""
    picture = _opened(path)
    return {frame: crop(picture, frame, place).tobytes() for frame in frames}


def _run_cipher() -> AESGCM | None:
    key = process_key()
    return AESGCM(HKDF(SHA256(), 32, None, b"framed faces").derive(key)) if key else None


def _opened(path: Path) -> Image.Image:
    """As serving decodes an original: upright, in sRGB, in every format that intake accepts. Raises OSError,
    ImageRefused."""
    return decode(read_bytes(path), max_side=DECODE_MAX_SIDE)


def rows_for_view(examples: TrainingRows, view: View) -> TrainingRows:
    """The examples in the frame from which `view` is cut. Raises ValueError when stored in another one only."""
    frame = frame_of(view)
    if frame == FRAME:
        return examples
    if not isinstance(examples.images, FramedRows):
        raise ValueError(f"the rows are stored at another scale than the view {view} needs")
    cells = frame.side // CELL
    masks = np.broadcast_to(np.uint8(0), (len(examples.label), cells, cells))
    return replace(examples, images=examples.images.framed_as(frame), masks=masks)


def _require_space(folder: Path, size: int, count: int) -> None:
    free, needed = shutil.disk_usage(folder).free, size + SPARE_BYTES
    if free < needed:
        raise NoSpace(
            f"{folder} has {free // 1_000_000:,} MB free, training on {count:,} decisions needs "
            f"{needed // 1_000_000:,} MB while it runs: free some space and try again"
        )
