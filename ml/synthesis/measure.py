"""Measurements of each photograph for synthesis and splits; computed once, cached outside the repository."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image

from detection.faces.default import largest_mesh
from detection.faces.mesh import OVAL, POINTS
from ml.sources import Photo, SourceMissing
from ml.sources.base import listed
from ml.synthesis.matched import LOOK_PARTS, describe_appearance
from ml.whole_files import write_whole

MIN_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Measures:
    """Arrays over N photos: points (N, 468, 2) float32 pixels; score (N,) confidence in 0..1; hashes (N, 256) bool;
    tone (N, 3) float32 mean RGB of the face; looks (N, 7) float32 of `ml.synthesis.matched.look`, NaN where there is
    none. Points and score are 0 where no face was found."""

    points: np.ndarray
    score: np.ndarray
    hashes: np.ndarray
    tone: np.ndarray
    looks: np.ndarray

    def of(self, rows: Sequence[int]) -> "Measures":
        """The measures of some photographs, in this order."""
        return Measures(*(getattr(self, field.name)[rows] for field in fields(self)))


def measure_faces(photos: Sequence[Photo], cache: Path, workers: int = 2) -> Measures:
    """Measures of the photos, from `cache` (an .npz) when it holds exactly these keys; else they are kept there.

    Raises SourceMissing for files that cannot be read.
    """
    found = measured(photos, cache, workers)
    keep_measures(found, photos, cache)
    return found


def measured(photos: Sequence[Photo], cache: Path, workers: int = 2) -> Measures:
    """As `measure_faces`, but `cache` stays as it is."""
    kept = _kept(photos, cache)
    if kept is not None:
        return kept
    with ProcessPoolExecutor(workers) as pool:
        rows = list(pool.map(_one, [p.path for p in photos], chunksize=50))
    unreadable = [row for row in rows if isinstance(row, str)]
    if unreadable:
        raise SourceMissing(
            f"{len(unreadable)} unreadable: {listed(unreadable)}; expected images: replace or remove these files"
        )
    return Measures(*(np.stack(column) for column in zip(*rows, strict=True)))


def keep_measures(found: Measures, photos: Sequence[Photo], cache: Path) -> None:
    """Writes the measures of these photos to `cache`, whole or not at all, unless they are there."""
    if _kept(photos, cache) is not None:
        return

    def fill(part: Path) -> None:
        named: dict[str, np.ndarray] = {field.name: getattr(found, field.name) for field in fields(Measures)}
        with part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, keys=np.array([p.key for p in photos]), **named)

    cache.parent.mkdir(parents=True, exist_ok=True)
    write_whole(cache, fill)


def _kept(photos: Sequence[Photo], cache: Path) -> Measures | None:
    names = [field.name for field in fields(Measures)]
    if cache.exists():
        with np.load(cache) as stored:
            if np.array_equal(stored["keys"], [p.key for p in photos]) and set(names) <= set(stored):
                return Measures(*(stored[name] for name in names))
    return None


def _one(path: Path) -> tuple[np.ndarray, np.float32, np.ndarray, np.ndarray, np.ndarray] | str:
    """The measures of a file, or why it cannot be read."""
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        return f"{path} ({error})"
    image = np.asarray(picture)
    points, score = largest_mesh(picture) or (np.zeros((POINTS, 2), np.float32), 0.0)
    oval = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(oval, np.round(points[list(OVAL)]).astype(np.int32), 1)
    tone = image[oval > 0].mean(0) if oval.any() else np.zeros(3)
    hashes = imagehash.phash(picture, hash_size=16, highfreq_factor=2).hash.ravel()
    try:
        described = describe_appearance(image, points)
    except ValueError:
        described = np.full(LOOK_PARTS, np.nan, np.float32)
    return points, np.float32(score), hashes, tone.astype(np.float32), described
