"""Mean faces of a snapshot, one for each source and label: they show light, framing and backdrop that a model
could learn instead of forgeries.

A mean of few people would show them, so there is none below LEAST_PEOPLE. Of each cell at most MOST faces are
read, in the order of their SHA-256. Where the detector finds enough faces, their outer eye corners are
aligned to the same two points; otherwise pictures are cropped to one shape and averaged without alignment.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from detection.decoding import decode
from detection.faces.default import largest_face
from detection.faces.detector import FaceModelMissing
from encrypted_files.keyring import read_bytes, write_bytes
from ml.sources import Photo
from ml.training.progress import Progress

WIDTH, HEIGHT = 128, 160
EYES = (complex(0.29 * WIDTH, 0.42 * HEIGHT), complex(0.71 * WIDTH, 0.42 * HEIGHT))
MOST = 500
LEAST_PEOPLE = 10
READ_SIDE = 640  # pixels; larger pictures give no more accurate points
CONFIDENCE_MIN = 0.5
TRIED = 20  # pictures; if none of these has a face, no other one of this cell is searched


@dataclass(frozen=True, slots=True)
class Cell:
    """One source and label. people, faces: in the mean; file: the PNG, None where there are too few people."""

    source: str
    label: str
    people: int
    faces: int
    aligned: bool
    file: str | None


def mean_faces(
    photos: Sequence[Photo], out: Path, progress: Progress | None = None
) -> list[dict[str, object]]:
    """Writes a PNG for each cell of enough people to the new folder `out`; returns all cells as dictionaries."""
    cells: dict[tuple[str, str], list[Photo]] = defaultdict(list)
    for photo in sorted(photos, key=lambda photo: photo.key):
        cells[photo.source, photo.label].append(photo)
    out.mkdir(mode=0o700, parents=True)
    progress = progress or Progress(None)
    found = []
    for number, (source, label) in enumerate(sorted(cells)):
        rows = cells[source, label][:MOST]
        cell, picture = _cell(rows, source, label)
        if picture is not None:
            cell = Cell(cell.source, cell.label, cell.people, cell.faces, cell.aligned, f"{number}.png")
            content = BytesIO()
            Image.fromarray(picture).save(content, "PNG")
            write_bytes(out / f"{number}.png", content.getvalue())
        found.append(asdict(cell))
        progress.step(len(rows), member=f"{source}, {label}")
    return found


def _cell(rows: Sequence[Photo], source: str, label: str) -> tuple[Cell, np.ndarray | None]:
    """The mean as (HEIGHT, WIDTH, 3) uint8 RGB, None for too few people."""
    if _people(rows) < LEAST_PEOPLE:
        return Cell(source, label, _people(rows), len(rows), False, None), None
    total, kept = np.zeros((HEIGHT, WIDTH, 3)), []
    for photo, picture in _aligned(rows):
        total += picture
        kept.append(photo)
    if aligned := _people(kept) >= LEAST_PEOPLE:
        rows = kept
    else:
        total = np.zeros((HEIGHT, WIDTH, 3))
        for photo in rows:
            total += np.asarray(ImageOps.fit(_read(photo), (WIDTH, HEIGHT)))
    mean = (total / len(rows)).round().astype(np.uint8)
    return Cell(source, label, _people(rows), len(rows), aligned, None), mean


def _aligned(rows: Sequence[Photo]) -> Iterator[tuple[Photo, np.ndarray]]:
    """Those in which a face is found, turned, scaled and moved until the eyes' outer corners lie on EYES."""
    found = 0
    for number, photo in enumerate(rows):
        if number == TRIED and not found:
            return
        image = _read(photo)
        try:
            corners = _corners(image)
        except FaceModelMissing:
            return
        if corners is None:
            continue
        found += 1
        yield photo, np.asarray(align_by_eyes(image, *corners))


def _corners(image: Image.Image) -> tuple[complex, complex] | None:
    """The outer eye corners (x + iy, pixels) of the largest face."""
    face = largest_face(image)
    if face is None or face.confidence < CONFIDENCE_MIN:
        return None
    return complex(*face.landmarks.right_eye_outer), complex(*face.landmarks.left_eye_outer)


def align_by_eyes(image: Image.Image, right: complex, left: complex) -> Image.Image:
    """The picture moved by the similarity that takes the two eye corners (x + iy, pixels) to EYES."""
    turn = (left - right) / (EYES[1] - EYES[0])
    shift = right - turn * EYES[0]
    back = (turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag)
    return image.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, back, resample=Image.Resampling.BILINEAR)


def _read(photo: Photo) -> Image.Image:
    return decode(read_bytes(photo.path), max_side=READ_SIDE)


def _people(rows: Sequence[Photo]) -> int:
    return len({photo.identity for photo in rows})
