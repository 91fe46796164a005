"""How often each small DCT coefficient occurs in parts of a face and around it: the input of the compression detector.

A picture that was a JPEG before it was edited and saved again has coefficients that were quantised twice; where pixels
were moved, smoothed or pasted, the first quantisation is gone (Lukas and Fridrich, 2003; Kwon et al., CAT-Net, 2021).
So an edited part has other histograms than the rest. Only the file's own grid shows it: the picture must not have been
reduced or turned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from detection.decoding import jpeg_grid
from detection.decoding.orientation import as_stored
from detection.faces.align import FaceFrame, face_square
from detection.forensics.jpeg import coefficients_at

# The first frequencies in zigzag order without the mean, as (row, column).
FREQUENCIES = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2))
LEVELS = 12  # magnitudes 0 to 10, and all larger ones
GRID = 4  # the face is cut into 4 x 4 parts
EXTENT = 0.65  # of the full crop around the face: forehead to chin
AROUND = 1.1  # edges of the face's square: what is further away from its middle is the surroundings
BLOCKS_MAX = 6000  # of the face and of its surroundings, spread evenly
BLOCKS_MIN = 60  # fewer blocks of a face say nothing
FIRST_ON_ITS_SIDE = 5  # orientations from here on swap width and height
PRIOR = 0.5  # of each level, so that a level that no block has is no infinity
CELLS = GRID * GRID + 2  # the parts, the whole face, the surroundings
VALUES = len(FREQUENCIES) * LEVELS + 1


@dataclass(frozen=True, slots=True)
class FileGrid:
    """How a JPEG's pixels were quantised: (8, 8) int of its luminance table, and the 1 to 8 of its EXIF by which it was
    turned."""

    table: np.ndarray
    orientation: int


def file_grid(data: bytes, size: tuple[int, int]) -> FileGrid | None:
    """The grid of a file that was decoded to an upright picture of this size; None where it is no JPEG or was reduced.

    Raises ImageRefused for a damaged file.
    """
    found = jpeg_grid(data)
    if found is None:
        return None
    table, orientation, stored = found
    upright = stored if orientation < FIRST_ON_ITS_SIDE else stored[::-1]
    return FileGrid(np.array(table).reshape(8, 8), orientation) if upright == size else None


def compression_cells(upright: Image.Image, frame: FaceFrame, grid: FileGrid) -> np.ndarray | None:
    """(CELLS, VALUES) float32: for each part of the face, for the face and its surroundings, the logarithms of the
    shares of each level at each frequency, and of the number of blocks. None where the face is too small. Where a
    picture shows nothing around the face, its shares are equal, and its number of blocks says so.

    upright: at its file's own size; frame: in its pixels.
    """
    grey = np.asarray(as_stored(upright.convert("L"), grid.orientation))
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    cell = _cell_of_blocks(rows, columns, frame, upright.size, grid.orientation)
    face, around = _spread(np.flatnonzero(cell >= 0)), _spread(np.flatnonzero(cell == -1))
    if len(face) < BLOCKS_MIN:
        return None
    tiles = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    chosen = np.concatenate([face, around])
    level = levels_of(tiles[chosen // columns, chosen % columns], grid.table)
    place = np.where(cell[chosen] < 0, CELLS - 1, cell[chosen])
    bins = (place[:, None] * len(FREQUENCIES) + np.arange(len(FREQUENCIES))) * LEVELS + level
    counts = np.bincount(bins.ravel(), minlength=CELLS * len(FREQUENCIES) * LEVELS).astype(np.float32)
    counts = counts.reshape(CELLS, len(FREQUENCIES), LEVELS)
    counts[CELLS - 2] = counts[: CELLS - 2].sum(0)
    blocks = counts[:, 0].sum(1)
    shares = (counts + PRIOR) / (blocks + PRIOR * LEVELS)[:, None, None]
    return np.concatenate([np.log(shares).reshape(CELLS, -1), np.log1p(blocks)[:, None]], 1, dtype=np.float32)


def cells_of_file(data: bytes, upright: Image.Image, frame: FaceFrame | None) -> np.ndarray | None:
    """`compression_cells` of a file that was decoded to this picture; None where there is no face, too.

    Raises ImageRefused for a damaged file.
    """
    grid = file_grid(data, upright.size) if frame else None
    return compression_cells(upright, frame, grid) if frame and grid else None


def cells_in_one(cells: Sequence[np.ndarray | None]) -> np.ndarray:
    """(B, CELLS, VALUES) float32 of B pictures, zeros for one whose compression cannot be read."""
    found = np.zeros((len(cells), CELLS, VALUES), np.float32)
    for row, each in enumerate(cells):
        if each is not None:
            found[row] = each
    return found


def _cell_of_blocks(
    rows: int, columns: int, frame: FaceFrame, size: tuple[int, int], orientation: int
) -> np.ndarray:
    """(rows * columns,) int: the part of the face in which a block's middle lies, -1 around the face, -2 between."""
    y, x = np.mgrid[:rows, :columns] * 8 + 3.5
    middles = _upright(np.stack([x.ravel(), y.ravel()], 1), size, orientation)
    place = face_square(frame, EXTENT).from_picture(middles)
    part = np.floor(place * GRID).astype(int)
    cell = part[:, 1] * GRID + part[:, 0]
    far = 2 * np.abs(place - 0.5).max(1) > AROUND
    return np.where((part >= 0).all(1) & (part < GRID).all(1), cell, np.where(far, -1, -2))


def _upright(points: np.ndarray, size: tuple[int, int], orientation: int) -> np.ndarray:
    """(N, 2) pixels of the stored picture in the upright one of this size."""
    x, y = points.T
    right, bottom = size[0] - 1, size[1] - 1
    turned = {
        1: (x, y),
        2: (right - x, y),
        3: (right - x, bottom - y),
        4: (x, bottom - y),
        5: (y, x),
        6: (right - y, x),
        7: (right - y, bottom - x),
        8: (y, bottom - x),
    }
    return np.stack(turned[orientation], 1)


def _spread(blocks: np.ndarray) -> np.ndarray:
    return blocks[:: max(1, -(-len(blocks) // BLOCKS_MAX))]


def levels_of(blocks: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(N, len(FREQUENCIES)) int: magnitudes of the quantised coefficients, at most LEVELS - 1.

    blocks: (N, 8, 8) uint8 grey; table: (8, 8).
    """
    at = tuple(np.array(FREQUENCIES).T)
    quantised = np.rint(coefficients_at(blocks, FREQUENCIES) / table[at])
    return np.minimum(np.abs(quantised), LEVELS - 1).astype(int)
