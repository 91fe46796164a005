"""JPEG ghosts (Farid, 2009, https://doi.org/10.1109/TIFS.2008.2012215): parts that were compressed before, at a lower
quality than the rest.

Compressing a picture again changes a part least at a quality at which it was compressed already. A part that came from
a file of lower quality therefore has a second minimum, its ghost, below the quality of the file itself. The difference
that a compression makes is taken from the DCT coefficients of the luminance: by Parseval's theorem the squared error of
a block is the same there as in its pixels. Only the grid of the file is tried, so a part whose own grid lies elsewhere
(63 of 64 places) shows no ghost.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from detection.forensics.jpeg import block_coefficients, standard

QUALITIES = tuple(range(40, 95))  # each: the minimum is narrow
GAP = 6  # qualities so close to the file's own have no minimum apart from it
BLOCKS_MAX = 20_000  # of larger pictures only every second, third ... block in each direction is read
SMOOTHED = (
    3  # blocks on a side over which the difference is averaged: 24 pixels, as flat blocks say nothing alone
)
FLAT = 2.0  # squared grey levels; a block that changes less at every quality has no content to judge
OWN_QUALITY_MIN = QUALITIES[0] + GAP + 3  # below, a file leaves no qualities to try
CLEAR_DEPTH, CLEAR_SHARE = 0.5, 0.01  # portraits saved once have fewer such blocks; see docs/evidence.md
CHUNK = 8192
# From the lowest to the highest quality of a minimum.
COLOURS = np.array(((66, 133, 244), (15, 157, 88), (244, 180, 0), (219, 68, 55)), np.float32)


@dataclass(frozen=True, slots=True)
class Ghosts:
    """`depth`: (rows, columns) float32, 0..1, how clear the deepest second minimum of each block is, as a share of the
    difference at the maxima on its sides. `quality`: (rows, columns) int, where it lies; 0 where there is none.
    `block_px`: the side of what an entry stands for, in pixels of the picture."""

    depth: np.ndarray
    quality: np.ndarray
    block_px: int = 8

    @property
    def contrast(self) -> float:
        """How far the clearest twentieth of the picture stands out from its middle, 0..1."""
        return float(np.quantile(self.depth, 0.95) - np.median(self.depth)) if self.depth.size else 0.0

    @property
    def is_faint(self) -> bool:
        """Whether no part worth a look has a clear ghost."""
        return not self.depth.size or float((self.depth > CLEAR_DEPTH).mean()) < CLEAR_SHARE


def ghosts(stored: Image.Image, *, own_quality: int | None) -> Ghosts:
    """The second minima of each block.

    stored: the picture as it lies in its file, not turned, so that the grid is that of its last compression.
    own_quality: of that compression, None for a picture that is no JPEG.
    """
    tried = [q for q in QUALITIES if own_quality is None or q <= own_quality - GAP]
    grey = np.asarray(stored.convert("L"))
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    if len(tried) < 3 or min(rows, columns) < SMOOTHED:
        return Ghosts(np.zeros((rows, columns), np.float32), np.zeros((rows, columns), int))
    step = 1
    while (rows // step) * (columns // step) > BLOCKS_MAX:
        step += 1
    tiles = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)[::step, ::step]
    change = smoothed(differences(tiles, tried))
    depth, place = _deepest(change)
    depth[change.max(0) < FLAT] = 0
    return Ghosts(depth, np.where(depth > 0, np.array(tried)[place], 0), 8 * step)


def differences(tiles: np.ndarray, qualities: list[int]) -> np.ndarray:
    """The mean squared error of each block's luminance when it is compressed at each quality.

    tiles: (rows, columns, 8, 8) uint8. Returns (qualities, rows, columns) float32, in squared grey levels.
    """
    rows, columns = tiles.shape[:2]
    blocks = tiles.reshape(-1, 8, 8)
    found = np.empty((len(qualities), len(blocks)), np.float32)
    for start in range(0, len(blocks), CHUNK):
        coefficients = block_coefficients(blocks[start : start + CHUNK]).reshape(-1, 64)
        for number, quality in enumerate(qualities):
            table = standard(quality).astype(np.float32).ravel()
            error = coefficients / table
            error -= np.rint(error)
            error *= table
            found[number, start : start + CHUNK] = np.einsum("ij,ij->i", error, error) / 64
    return found.reshape(len(qualities), rows, columns)


def smoothed(change: np.ndarray) -> np.ndarray:
    """The mean over SMOOTHED x SMOOTHED blocks; the border repeats. (N, rows, columns) float32 in and out."""
    reach = SMOOTHED // 2
    padded = np.pad(change, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    rows, columns = change.shape[1:]
    total = sum(padded[:, y : y + rows, x : x + columns] for y in range(SMOOTHED) for x in range(SMOOTHED))
    return np.asarray(total / SMOOTHED**2, dtype=np.float32)


def _deepest(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The depth (0..1) of each block's deepest minimum, as a share of the lower of the two maxima on its sides, and its
    place. change: (qualities, rows, columns), from the lowest quality to the highest."""
    before = np.maximum.accumulate(change, axis=0)[:-2]
    after = np.maximum.accumulate(change[::-1], axis=0)[::-1][2:]
    sides = np.minimum(before, after)
    fall = 1 - change[1:-1] / np.maximum(sides, 1e-6)
    place = fall.argmax(0)
    depth = np.clip(np.take_along_axis(fall, place[None], 0)[0], 0, 1)
    return depth.astype(np.float32), place + 1


def drawn(found: Ghosts, stored_size: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """The minima as a picture, `size` pixels large, for one of `stored_size`: as bright as they are deep, coloured by
    their quality; black where there is none, and at the border where no whole block is left."""
    place = (found.quality - QUALITIES[0]) / (QUALITIES[-1] - QUALITIES[0]) * (len(COLOURS) - 1)
    place = np.clip(place, 0, len(COLOURS) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(COLOURS) - 1)
    share = (place - low)[..., None]
    colour = COLOURS[low] * (1 - share) + COLOURS[high] * share
    blocks = Image.fromarray(np.rint(colour * found.depth[..., None]).astype(np.uint8))
    covered = [
        max(1, round(count * found.block_px * shown / stored))
        for count, shown, stored in zip(blocks.size, size, stored_size, strict=True)
    ]
    canvas = Image.new("RGB", size)
    canvas.paste(blocks.resize((covered[0], covered[1]), Image.Resampling.NEAREST))
    return canvas
