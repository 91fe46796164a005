"""The compression of a JPEG file, and whether its pixels were compressed before.

Quality: nearest table of the Independent JPEG Group's formula. Earlier compression: quantising twice leaves a
comb pattern in the histograms of DCT coefficients (Lukas and Fridrich, 2003); the earlier tables are searched
among the standard ones.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from detection import decoding as images
from detection.decoding.orientation import as_stored

# T.81, table K.1, in rows.
LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
LOW = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
EARLIER = range(40, 96)
GAP = 3  # an earlier quality closer to the last one leaves no comb
BLOCKS_MAX = 6000
BLOCKS_MIN = 200
# Measured on 120 faces: none of 480 pictures compressed once reaches 19; of those compressed twice, with qualities ten
# or more apart, 95 % exceed 24.
COMB = 20.0


@dataclass(frozen=True, slots=True)
class Compression:
    """One file's tables, the nearest standard quality 1..100, and that of an earlier compression if it is
    detectable."""

    quality: int
    is_standard: bool
    luminance: tuple[int, ...]
    chrominance: tuple[int, ...]
    subsampling: str
    is_progressive: bool
    earlier_quality: int | None


def read(data: bytes, picture: Image.Image | None = None) -> Compression:
    """The compression of a JPEG. Raises ValueError for another format, ImageRefused when it cannot be decoded.

    picture: the file as `decoding.decode` gave it; a second decoding of a large one would double the memory.
    """
    with Image.open(io.BytesIO(data)) as image:
        if not isinstance(image, JpegImageFile):
            raise ValueError(f"quantisation tables belong to JPEG files, not to {image.format}")
        tables = [tuple(int(v) for v in image.quantization[key]) for key in sorted(image.quantization)]
        sampling = {(h, v) for _, h, v, _ in image.layer}
        progressive = bool(image.info.get("progressive"))
    quality, distance = estimate(np.array(tables[0]))
    # Grey before it is turned: a turned copy in colour takes four times the memory.
    grey = (picture or images.decode(data)).convert("L")
    stored = as_stored(grey, images.orientation_of(data))
    return Compression(
        quality=quality,
        is_standard=distance == 0,
        luminance=tables[0],
        chrominance=tables[1] if len(tables) > 1 else (),
        subsampling=_sampling(sampling),
        is_progressive=progressive,
        earlier_quality=earlier(stored, np.array(tables[0]).reshape(8, 8), quality),
    )


@cache
def standard(quality: int) -> np.ndarray:
    """The luminance table of libjpeg at a quality of 1 to 100: (8, 8) int."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.array(LUMINANCE.split(), dtype=int).reshape(8, 8)
    return np.clip((base * scale + 50) // 100, 1, 255)


def estimate(table: np.ndarray) -> tuple[int, int]:
    """The nearest standard quality and the sum of absolute differences to its luminance table."""
    distances = [int(np.abs(standard(q).ravel() - table.ravel()).sum()) for q in range(1, 101)]
    best = int(np.argmin(distances))
    return best + 1, distances[best]


def _sampling(factors: set[tuple[int, int]]) -> str:
    if len(factors) < 2:
        return "4:4:4"
    names = {(2, 2): "4:2:0", (2, 1): "4:2:2", (1, 2): "4:4:0"}
    return names.get(max(factors), "unusual")


def earlier(image: Image.Image, table: np.ndarray, quality: int) -> int | None:
    """The quality of an earlier compression on the same grid, or None when there is no comb.

    image: as stored in the file, not turned. table: (8, 8) of its last compression. An earlier compression at a higher
    quality, or before a crop or a change of size, leaves no trace here: None does not mean that there was none.
    """
    coefficients = _coefficients(image)
    if len(coefficients) < BLOCKS_MIN:
        return None
    scores = {q: _comb(coefficients, standard(q), table) for q in EARLIER if q <= quality - GAP}
    best = max(scores, key=lambda q: scores[q], default=None)
    return best if best is not None and scores[best] > COMB else None


def _coefficients(image: Image.Image) -> np.ndarray:
    """DCT coefficients of the luminance in 8x8 blocks, (N, 8, 8) float32; at most BLOCKS_MAX, spread evenly."""
    grey = np.asarray(image.convert("L"))
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    tiles = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)  # a view, no copy
    chosen = np.arange(0, rows * columns, max(1, rows * columns // BLOCKS_MAX))
    return block_coefficients(tiles[chosen // max(1, columns), chosen % max(1, columns)])


def block_coefficients(blocks: np.ndarray) -> np.ndarray:
    """DCT coefficients of blocks of luminance (T.81, A.3.3): (N, 8, 8) float32 from (N, 8, 8) uint8."""
    cosines = _cosines()
    return np.asarray(cosines @ (blocks.astype(np.float32) - 128) @ cosines.T, dtype=np.float32)


def coefficients_at(blocks: np.ndarray, frequencies: Sequence[tuple[int, int]]) -> np.ndarray:
    """(N, K) float32, those of `block_coefficients` at K frequencies, as (row, column), in a quarter of the time."""
    cosines = _cosines()
    waves = np.stack([np.outer(cosines[row], cosines[column]).ravel() for row, column in frequencies], 1)
    return np.asarray((blocks.reshape(-1, 64).astype(np.float32) - 128) @ waves, dtype=np.float32)


def _cosines() -> np.ndarray:
    cosines = (np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(8) + 1)[None] / 16) / 2).astype(
        np.float32
    )
    cosines[0] /= np.sqrt(np.float32(2))
    return cosines


def _comb(coefficients: np.ndarray, first: np.ndarray, last: np.ndarray) -> float:
    """How much more often than by chance coefficients have values that two quantisations can produce.

    The quantisations are by `first`, then by `last`. In standard deviations, summed over the low frequencies.
    """
    total = variance = 0.0
    for u, v in LOW:
        before, after = int(first[u, v]), int(last[u, v])
        if before <= after:
            continue
        steps = np.rint(coefficients[:, u, v] / after).astype(int)
        reach = 4 * before // after + 2
        steps = np.abs(steps[(steps != 0) & (np.abs(steps) <= reach)])
        counts = np.bincount(steps, minlength=reach + 1)[1:]
        possible = np.zeros(reach + 1, dtype=bool)
        multiples = np.rint(np.arange(reach * after // before + 2) * before / after).astype(int)
        possible[multiples[multiples <= reach]] = True
        smooth = _smooth(counts, 2 * (before // after) + 1)
        expected = smooth * (counts.sum() / max(smooth.sum(), 1e-9))
        share = expected[possible[1:]].sum() / max(expected.sum(), 1e-9)
        total += counts[possible[1:]].sum() - share * counts.sum()
        variance += counts.sum() * share * (1 - share)
    return float(total / np.sqrt(variance)) if variance > 0 else 0.0


def _smooth(counts: np.ndarray, width: int) -> np.ndarray:
    """The histogram without its comb: a mean of logarithms, wider than the comb's period, which keeps the slope."""
    logs = np.log(counts + 0.5)
    padded = np.pad(logs, width // 2 + 1, mode="edge")
    window = np.ones(width + 2 - width % 2) / (width + 2 - width % 2)
    return np.asarray(np.exp(np.convolve(padded, window, mode="same")[width // 2 + 1 : -(width // 2 + 1)]))
