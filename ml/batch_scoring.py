"""Scores many files with several ensembles; each file is decoded once, and the next batch while one is scored."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from detection.decoding import ImageRefused, decode
from detection.decoding.limits import DECODE_MAX_SIDE
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face
from detection.forensics.compression_cells import cells_of_file
from encrypted_files.keyring import read_bytes
from ml.training.progress import Progress

BATCH = 32
READERS_MAX = 8  # more than a fast accelerator needs; Pillow lets other threads run while it decodes


@dataclass(frozen=True, slots=True)
class PictureScores:
    """probability: (N, 5) of fake, NaN where an image cannot be read, or has no face and the bundle looks at faces;
    faceless: (N,) bool, the latter; per_image_ms: of scoring, without reading and the search for the face."""

    probability: np.ndarray
    faceless: np.ndarray
    per_image_ms: float


@dataclass(frozen=True, slots=True)
class _Picture:
    image: Image.Image
    frame: FaceFrame | None
    cells: np.ndarray | None


def score_pictures(
    ensembles: Mapping[str, Ensemble], paths: Sequence[Path], progress: Progress | None = None
) -> dict[str, PictureScores]:
    """The probabilities of each ensemble for each file; `progress` counts images."""
    progress = progress or Progress(None)
    found = {name: np.full((len(paths), 5), np.nan) for name in ensembles}
    faceless = {name: np.zeros(len(paths), bool) for name in ensembles}
    spent, counts = dict.fromkeys(ensembles, 0.0), dict.fromkeys(ensembles, 0)
    find_faces = any(ensemble.bundle.sees_faces for ensemble in ensembles.values())
    for size, pictures in _read_ahead(paths, find_faces):
        for name, ensemble in ensembles.items():
            seen = pictures
            if ensemble.bundle.sees_faces:
                seen = {row: picture for row, picture in pictures.items() if picture.frame is not None}
                faceless[name][[row for row in pictures if row not in seen]] = True
            began = time.perf_counter()
            rows = ensemble.score(
                [picture.image for picture in seen.values()],
                [picture.frame for picture in seen.values()],
                [picture.cells for picture in seen.values()],
            )
            spent[name] += time.perf_counter() - began
            for row, votes in zip(seen, rows, strict=True):
                found[name][row] = [vote.probability for vote in votes]
            counts[name] += len(seen)
        progress.step(size)
    return {
        name: PictureScores(found[name], faceless[name], 1000 * spent[name] / max(1, counts[name]))
        for name in ensembles
    }


def _read_ahead(paths: Sequence[Path], find_faces: bool) -> Iterator[tuple[int, dict[int, _Picture]]]:
    """Batches in order: how many files, and the pictures of those that can be read, by their row."""
    starts = range(0, len(paths), BATCH)
    with ThreadPoolExecutor(min(READERS_MAX, len(os.sched_getaffinity(0))), "reader") as readers:

        def asked(start: int) -> dict[int, Future[_Picture | None]]:
            rows = range(start, min(start + BATCH, len(paths)))
            return {row: readers.submit(_read, paths[row], find_faces) for row in rows}

        ahead = asked(0)
        for start in starts:
            current, ahead = ahead, asked(start + BATCH)
            pictures = {row: future.result() for row, future in current.items()}
            yield len(pictures), {row: picture for row, picture in pictures.items() if picture}


def _read(path: Path, find_faces: bool) -> _Picture | None:
    """None for an original that was erased, or that went to a person because it cannot be read."""
    try:
        data = read_bytes(path)
        image = decode(data, max_side=DECODE_MAX_SIDE)
        face = largest_face(image) if find_faces else None
        frame = FaceFrame.of(face, image.size) if face else None
        return _Picture(image, frame, cells_of_file(data, image, frame))
    except (OSError, ImageRefused):
        return None
