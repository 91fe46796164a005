"""Copy-move: parts of a picture that occur in it twice (Fridrich, Soukal and Lukas, 2003, "Detection of copy-move
forgery in digital images").

Each overlapping block is described by its lowest DCT coefficients; blocks with equal descriptions lie next to each
other once all are sorted. Pairs of equal blocks that are the same way apart, in one connected patch, are a part and its
copy. A copy that was turned, mirrored or enlarged is not found.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

SIDE_MAX = 400  # of the picture in which copies are looked for; larger ones are reduced
BLOCK = 16
ORDERS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2))
STEP = 12.0  # of a coefficient; re-compression at quality 75 moves most by less
NEIGHBOURS = 3  # in sorted order
APART_MIN = 28  # pixels, as blocks that nearly overlap are always equal
FLAT = 3.0  # grey levels per pixel that a block changes in its plainest direction: walls and straight edges repeat
DIFFERENCE_MAX = 24.0  # root of the summed squares, of two blocks that count as equal
PAIRS_MIN = 60  # blocks that are the same way apart, so that it is no accident
SHIFTS_MAX = 4
TEAL = (0, 150, 136)
OPAQUE = 190  # of 255


@dataclass(frozen=True, slots=True)
class Copies:
    """`mask`: (H, W) bool, both the parts and their copies, in the reduced picture. `pairs`: how many pairs of blocks
    the largest copied part has; 0 without one."""

    mask: np.ndarray
    pairs: int

    @property
    def is_faint(self) -> bool:
        """Whether no part occurs twice."""
        return not self.pairs


def copies(picture: Image.Image) -> Copies:
    """The parts that occur twice. picture: upright or not, at least BLOCK pixels on each side, else there are none."""
    grey = picture.convert("L")
    grey.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.BOX)
    pixels = np.asarray(grey, np.float32)
    mask = np.zeros(pixels.shape, bool)
    if min(pixels.shape) < BLOCK + APART_MIN:
        return Copies(mask, 0)
    features = descriptions(pixels)
    width = features.shape[1]
    flat = features.reshape(-1, len(ORDERS))
    textured = np.flatnonzero(_texture(pixels).ravel() > FLAT)
    first, second = _equal_blocks(flat, textured, width)
    shift = np.stack([second // width - first // width, second % width - first % width], axis=1)
    most = 0
    for chosen in _common(shift, pixels.shape):
        kept = _connected(first[chosen], second[chosen], features.shape[:2])
        if kept.sum() < PAIRS_MIN:
            continue
        most = max(most, int(kept.sum()))
        for corner in (first[chosen][kept], second[chosen][kept]):
            _mark(mask, corner // width, corner % width)
    return Copies(mask, most)


def descriptions(pixels: np.ndarray) -> np.ndarray:
    """The coefficients ORDERS of every BLOCK x BLOCK block: (H - BLOCK + 1, W - BLOCK + 1, 9) float32 from (H, W)."""
    waves = _waves()
    height, width = pixels.shape[0] - BLOCK + 1, pixels.shape[1] - BLOCK + 1
    lying = {
        order: sum(waves[order][k] * pixels[:, k : k + width] for k in range(BLOCK))
        for order in {across for _, across in ORDERS}
    }
    return np.stack(
        [
            sum(waves[down][k] * lying[across][k : k + height] for k in range(BLOCK))
            for down, across in ORDERS
        ],
        axis=-1,
    ).astype(np.float32)


@cache
def _waves() -> np.ndarray:
    """(3, BLOCK) the lowest orthonormal cosines."""
    k = np.arange(BLOCK)
    waves = np.cos(np.pi * np.arange(3)[:, None] * (2 * k + 1)[None] / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)


def _texture(pixels: np.ndarray) -> np.ndarray:
    """How much each block changes in the direction in which it changes least, in grey levels per pixel.

    (H - BLOCK + 1, W - BLOCK + 1) float32: the root of the smaller eigenvalue of its structure tensor (Shi and Tomasi,
    1994), which is near zero on a wall and along a straight edge.
    """
    down, across = np.gradient(pixels)
    both, one, other = (_block_mean(values) for values in (down * across, down * down, across * across))
    smaller = (one + other) / 2 - np.sqrt(((one - other) / 2) ** 2 + both**2)
    return np.sqrt(np.maximum(smaller, 0))


def _block_mean(values: np.ndarray) -> np.ndarray:
    total = np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[BLOCK:, BLOCK:] - total[:-BLOCK, BLOCK:] - total[BLOCK:, :-BLOCK] + total[:-BLOCK, :-BLOCK]
    return np.asarray(inside / BLOCK**2, dtype=np.float32)


def _equal_blocks(flat: np.ndarray, rows: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of blocks with nearly equal descriptions that lie apart; the earlier one of a pair first."""
    found_first, found_second = [], []
    quantised = np.rint(flat[rows] / STEP).astype(np.int16)
    # Sorted twice, so that a coefficient on the border of a step separates no two blocks in both.
    for offset in (0.0, 0.5):
        if offset:
            quantised = np.rint(flat[rows] / STEP + offset).astype(np.int16)
        order = rows[np.lexsort(quantised.T[::-1])]
        for away in range(1, NEIGHBOURS + 1):
            one, other = order[:-away], order[away:]
            down = np.abs(one // width - other // width)
            across = np.abs(one % width - other % width)
            apart = np.maximum(down, across) >= APART_MIN
            one, other = one[apart], other[apart]
            near = ((flat[one] - flat[other]) ** 2).sum(1) <= DIFFERENCE_MAX**2
            found_first.append(np.minimum(one, other)[near])
            found_second.append(np.maximum(one, other)[near])
    pairs = np.unique(np.stack([np.concatenate(found_first), np.concatenate(found_second)], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _common(shift: np.ndarray, size: tuple[int, ...]) -> list[np.ndarray]:
    """The pairs (as masks) of the SHIFTS_MAX most frequent shifts, each with those that differ by one pixel."""
    if not len(shift):
        return []
    height, width = size
    counts = np.zeros((height, 2 * width), np.int32)
    np.add.at(counts, (shift[:, 0], shift[:, 1] + width), 1)
    padded = np.pad(counts, 1)
    around = np.zeros_like(counts)
    for y in range(3):
        for x in range(3):
            around += padded[y : y + height, x : x + 2 * width]
    chosen: list[np.ndarray] = []
    for _ in range(SHIFTS_MAX):
        down, across = np.unravel_index(int(around.argmax()), around.shape)
        if around[down, across] < PAIRS_MIN:
            break
        chosen.append(np.all(np.abs(shift - (down, across - width)) <= 1, axis=1))
        around[max(0, down - 2) : down + 3, max(0, across - 2) : across + 3] = 0
    return chosen


def _connected(first: np.ndarray, second: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Those pairs (as a mask) whose blocks have enough others of the same shift around them: single ones are chance."""
    return _crowded(first, size) & _crowded(second, size)


def _crowded(corner: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    reach = BLOCK // 2
    there = np.zeros((size[0] + 1, size[1] + 1), np.int32)
    there[corner // size[1] + 1, corner % size[1] + 1] = 1
    total = there.cumsum(0).cumsum(1)
    top, left = np.maximum(corner // size[1] - reach, 0), np.maximum(corner % size[1] - reach, 0)
    low, right = np.minimum(corner // size[1] + reach, size[0]), np.minimum(corner % size[1] + reach, size[1])
    inside = total[low, right] - total[top, right] - total[low, left] + total[top, left]
    return np.asarray(inside >= reach**2 // 2)


def _mark(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Every pixel of the blocks with these corners."""
    ends = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    for down, across, sign in ((0, 0, 1), (BLOCK, 0, -1), (0, BLOCK, -1), (BLOCK, BLOCK, 1)):
        np.add.at(ends, (rows + down, columns + across), sign)
    mask |= ends.cumsum(0).cumsum(1)[:-1, :-1] > 0


def overlay(found: Copies, size: tuple[int, int]) -> Image.Image:
    """The parts in teal on a transparent ground, RGBA, no larger than `size`."""
    tinted = Image.new("RGBA", (found.mask.shape[1], found.mask.shape[0]), (*TEAL, 0))
    tinted.putalpha(Image.fromarray(found.mask.astype(np.uint8) * OPAQUE))
    tinted.thumbnail(size)
    return tinted
