"""Batches of views that are cut from stored pictures, augmented in training and exactly as served otherwise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image

from detection.bundle import View
from detection.faces.align import FaceFrame
from detection.preprocess import standardise
from detection.views import crop
from ml.pictures import MASK_STEP, PictureStore
from ml.synthesis.degradation import recompress
from ml.training.batches import Batch

MASK_CELL = 8  # pixels of a view per cell of the mask that a batch carries
ZOOM = (0.82, 1.0)
SHIFT = 0.05  # of the short side
AGAIN = 0.4  # how often a picture is compressed once more
AGAIN_QUALITY = (60, 97)
FAINTEST = 1.5  # grey levels; weaker changes are not taught as forgeries


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture is cut: the square's share of the short side, its shift in shares of that, mirrored or not, and
    the quality of one more JPEG pass, None for none."""

    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    mirror: bool = False
    quality: int | None = None


def draw_framing(rng: np.random.Generator) -> Framing:
    """Light crops, mirrors and JPEG, as the fine-tuning recipe has them."""
    quality = int(rng.integers(*AGAIN_QUALITY)) if rng.random() < AGAIN else None
    shift = rng.uniform(-SHIFT, SHIFT, 2)
    return Framing(
        float(rng.uniform(*ZOOM)), (float(shift[0]), float(shift[1])), bool(rng.integers(2)), quality
    )


def cut(image: np.ndarray, view: View, framing: Framing) -> tuple[np.ndarray, tuple[float, ...]]:
    """The view of a picture, (side, side, 3) uint8, and its box (left, top, right, bottom) in the picture's pixels."""
    height, width = image.shape[:2]
    edge = min(height, width) * framing.zoom * view.extent
    room = (width - edge, height - edge)
    short = min(height, width)
    left, top = (
        float(np.clip(space / 2 + part * short, 0, space))
        for space, part in zip(room, framing.shift, strict=True)
    )
    box = (left, top, left + edge, top + edge)
    margin = math.ceil(edge / view.side) + 1  # the resizing filter reads beyond the box
    x0, y0 = max(0, int(left) - margin), max(0, int(top) - margin)
    x1, y1 = math.ceil(box[2]) + margin, math.ceil(box[3]) + margin
    part = image[y0:y1, x0:x1]
    if framing.quality is not None:
        part = recompress(part, framing.quality)
    inner = (left - x0, top - y0, left - x0 + edge, top - y0 + edge)
    small = Image.fromarray(part).resize((view.side, view.side), Image.Resampling.BILINEAR, box=inner)
    pixels = np.asarray(small)
    return (pixels[:, ::-1] if framing.mirror else pixels), box


def cut_mask(mask: np.ndarray, view: View, box: tuple[float, ...], mirror: bool) -> np.ndarray:
    """(side / 8, side / 8) uint8 of a stored mask."""
    cells = view.side // MASK_CELL
    matrix = _box_matrix(tuple(edge / MASK_STEP for edge in box), cells)
    small = cv2.warpAffine(
        mask, matrix, (cells, cells), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0.0
    )
    return small[:, ::-1] if mirror else small


def _box_matrix(box: tuple[float, ...], cells: int) -> np.ndarray:
    """The affine map from the cells' centres to the box."""
    scale = (box[2] - box[0]) / cells
    offset = scale / 2 - 0.5
    return np.array([[scale, 0.0, box[0] + offset], [0.0, scale, box[1] + offset]])


class WindowSampler:
    """Draws training batches from a store; the batch of a step depends on (seed, step) alone.

    Rows come in turn, real and fake. The share `own` of the pairs shows a source's own fake with one of its own reals,
    each framed for itself; the others show a photograph and its forged version, framed and compressed in the same way.
    """

    def __init__(self, store: PictureStore, view: View, *, own: float, batch: int, seed: int) -> None:
        columns = store.columns
        self.store, self.view, self.seed = store, view, seed
        forged = np.flatnonzero(columns["made"] & (columns["strength"] >= FAINTEST))
        bare = columns["post"] == "file"
        self.fakes = np.flatnonzero((columns["label"] == 1) & ~columns["made"] & bare)
        self.reals = np.flatnonzero((columns["label"] == 0) & bare)
        self.forged = forged
        pairs = batch // 2
        self.own = round(pairs * own) if len(forged) and len(self.fakes) else pairs * bool(len(self.fakes))
        self.made = pairs - self.own
        if not len(self.reals) or not (len(forged) or len(self.fakes)):
            raise ValueError("the store lacks real or forged pictures: nothing can be learned from it")

    def draw(self, step: int) -> Batch:
        """The batch of one step."""
        rng = np.random.default_rng([self.seed, step])
        rows: list[tuple[int, Framing]] = []
        fakes = self._in_order(self.fakes, step, self.own, 1)
        reals = self._in_order(self.reals, step, self.own, 2)
        for real, fake in zip(reals, fakes, strict=True):
            rows += [(int(real), draw_framing(rng)), (int(fake), draw_framing(rng))]
        for forged in self._in_order(self.forged, step, self.made, 3):
            framing = draw_framing(rng)
            rows += [(int(forged) - 1, framing), (int(forged), framing)]
        return batch_of(self.store, rows, self.view)

    def _in_order(self, pool: np.ndarray, step: int, count: int, salt: int) -> np.ndarray:
        """The next `count` rows of a pool that is shuffled again after each full pass."""
        if not count:
            return pool[:0]
        places = np.arange(step * count, (step + 1) * count)
        chosen = np.empty(count, int)
        for lap in np.unique(places // len(pool)):
            order = np.random.default_rng([self.seed, salt, int(lap)]).permutation(len(pool))
            here = places // len(pool) == lap
            chosen[here] = pool[order[places[here] % len(pool)]]
        return chosen


def batch_of(store: PictureStore, rows: list[tuple[int, Framing]], view: View) -> Batch:
    """Rows of a store as a batch, each cut as its framing says."""
    images = np.empty((len(rows), view.side, view.side, 3), np.uint8)
    masks = np.empty((len(rows), view.side // MASK_CELL, view.side // MASK_CELL), np.uint8)
    for place, (row, framing) in enumerate(rows):
        images[place], box = cut(store.image(row), view, framing)
        masks[place] = cut_mask(store.mask(row), view, box, framing.mirror)
    numbers = [row for row, _ in rows]
    return Batch(
        images=standardise(torch.from_numpy(images)),
        label=torch.from_numpy(store.columns["label"][numbers].astype(np.int64)),
        mask=torch.from_numpy(masks).float() / 255,
        known=torch.from_numpy(store.columns["masked"][numbers]),
        weight=torch.ones(len(rows)),
    )


def served_batch(
    store: PictureStore, rows: np.ndarray, view: View, places: Sequence[FaceFrame] = ()
) -> torch.Tensor:
    """(B, 3, side, side) float32 of these rows, exactly as serving cuts them.

    places: where the face of each of the store's pictures is, which a view of the face needs.
    """
    cuts = np.stack(
        [
            crop(Image.fromarray(store.image(int(row))), view, places[int(row)] if places else None)
            for row in rows
        ]
    )
    return standardise(torch.from_numpy(cuts))
