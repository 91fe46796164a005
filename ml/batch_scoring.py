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
from detection.ensemble import Ensemble
from ml.training.progress import Progress

BATCH = 32
DECODE_MAX_SIDE = 2048  # the same limit as in serving
READERS_MAX = 8  # more than a fast accelerator needs; Pillow lets other threads run while it decodes


@dataclass(frozen=True, slots=True)
class Scored:
    """probability: (N, 5) of fake, NaN where an image cannot be read; per_image_ms: of scoring, without reading."""

    probability: np.ndarray
    per_image_ms: float


def scored(
    ensembles: Mapping[str, Ensemble], paths: Sequence[Path], progress: Progress | None = None
) -> dict[str, Scored]:
    """The probabilities of each ensemble for each file; `progress` counts images."""
    progress = progress or Progress(None)
    found = {name: np.full((len(paths), 5), np.nan) for name in ensembles}
    spent = dict.fromkeys(ensembles, 0.0)
    count = 0
    for size, images in _read_ahead(paths):
        for name, ensemble in ensembles.items():
            began = time.perf_counter()
            rows = ensemble.score(list(images.values()))
            spent[name] += time.perf_counter() - began
            for row, votes in zip(images, rows, strict=True):
                found[name][row] = [vote.probability for vote in votes]
        count += len(images)
        progress.step(size)
    return {name: Scored(found[name], 1000 * spent[name] / max(1, count)) for name in ensembles}


def _read_ahead(paths: Sequence[Path]) -> Iterator[tuple[int, dict[int, Image.Image]]]:
    """Batches in order: how many files, and the images of those that can be read, by their row."""
    starts = range(0, len(paths), BATCH)
    with ThreadPoolExecutor(min(READERS_MAX, len(os.sched_getaffinity(0))), "reader") as readers:

        def asked(start: int) -> dict[int, Future[Image.Image | None]]:
            rows = range(start, min(start + BATCH, len(paths)))
            return {row: readers.submit(_read, paths[row]) for row in rows}

        ahead = asked(0)
        for start in starts:
            current, ahead = ahead, asked(start + BATCH)
            images = {row: future.result() for row, future in current.items()}
            yield len(images), {row: image for row, image in images.items() if image}


def _read(path: Path) -> Image.Image | None:
    """None for an original that was erased, or that went to a person because it cannot be read."""
    try:
        return decode(path.read_bytes(), max_side=DECODE_MAX_SIDE)
    except (OSError, ImageRefused):
        return None
