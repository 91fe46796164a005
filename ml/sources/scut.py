"""SCUT-FBP5500: frontal, neutral faces, `scut/images/CF100.jpg` with 86 points in `scut/landmarks/CF100.pts`."""

import struct
from pathlib import Path

import numpy as np

from ml.sources.base import Photo, SourceMissing, images_in

POINTS = 86


def read(data: Path) -> list[Photo]:
    """Rows of `<data>/scut`, all real; one picture a person."""
    paths = images_in(data / "scut" / "images", expected="<group><number>.jpg of SCUT-FBP5500")
    return [Photo(p, f"scut/images/{p.name}", "scut", p.stem, "real") for p in paths]


def landmarks(path: Path) -> np.ndarray:
    """The 86 points of one binary `.pts` file: (86, 2) float32, x and y in the pixels of the 350 px original.

    Raises SourceMissing when the file is shorter than its 86 pairs of little-endian floats.
    """
    raw = path.read_bytes()
    if len(raw) < POINTS * 8:
        raise SourceMissing(f"{path} holds {len(raw)} bytes: expected {POINTS} pairs of 4-byte floats")
    values = struct.unpack(f"<{POINTS * 2}f", raw[-POINTS * 8 :])
    return np.asarray(values, dtype=np.float32).reshape(POINTS, 2)
