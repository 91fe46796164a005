"""From a submission's original to what is known before the vote: pixels, faces and checks, and a fingerprint."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from detection.decoding import decode_with_facts
from detection.decoding.limits import DECODE_MAX_SIDE
from detection.faces.examine import PictureReport, examine
from detection.forensics.compression_cells import cells_of_file
from detection.forensics.phash import Fingerprint, fingerprint
from detection.forensics.regions import Box, close_ups
from kyc_review.core.instruments import Step, timed
from kyc_review.core.transfers import kept_alive
from kyc_review.encryption.models import DataKey
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import original_read, originals

# Pillow and the face detector let other threads run, so the next batch is read while one is scored.
_readers = ThreadPoolExecutor(2, "reader")
bytes_moved = threading.Event()


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded original: upright RGB, at most DECODE_MAX_SIDE pixels on its longer side.

    cells: how the face's part of the file is compressed (`cells_of_file`), None where that cannot be read.
    """

    image: Image.Image
    report: PictureReport
    fingerprint: Fingerprint
    close_ups: dict[str, Box]
    cells: np.ndarray | None = None


def read_ahead(rows: list[Submission]) -> list[Future[Picture]]:
    """Start to read each submission's picture in the reader threads; in the order of `rows`.

    `bytes_moved` is set whenever a piece of one arrives.
    """
    known = originals.data_keys(row.image_key for row in rows)  # here: those threads ask the database nothing
    return [_readers.submit(read, row, known) for row in rows]


def read(row: Submission, known: Mapping[str, DataKey]) -> Picture:
    """known: the data keys of the batch. Raises OriginalMissing, FileDamaged, and what the decoder raises."""
    with kept_alive(bytes_moved.set):
        data = original_read(row.image_key, known)
    return picture_of(data)


def picture_of(data: bytes) -> Picture:
    """Raises ImageRefused."""
    with timed(Step.READ):
        decoded = decode_with_facts(data, max_side=DECODE_MAX_SIDE)
        report = examine(decoded.image, damage=decoded.damage, trailing=decoded.trailing)
        boxes = close_ups(report.faces, decoded.image.size)
        cells = cells_of_file(data, decoded.image, report.frame)
        return Picture(decoded.image, report, fingerprint(decoded.image), boxes, cells)
