"""Pictures at their own size, decoded once into memory-mapped files, from which training cuts its views.

A view is cut from the picture's own pixels, so that one store serves members that look at different parts at
different scales. Several processes can read one store; memory holds what is looked at.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection.forensics.compression_cells import FileGrid
from ml.synthesis.whole_changes import UNCHANGED

FORMAT = "kyc-review/pictures/2"
PIXELS, MASKS, INDEX = "pixels.bin", "masks.bin", "index.npz"
NO_TABLE = np.zeros((8, 8), np.int64)  # no table has a zero
MASK_STEP = 4  # pixels of the picture per mask cell


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to store.

    image: (H, W, 3) uint8 RGB. mask: (H, W) uint8, 255 where edited; masked: the mask is known. made: forged here, from
    the picture stored just before. strength: mean change inside the mask in grey levels. change: of the whole picture
    (`ml.synthesis.whole_changes`). table: (8, 8), the luminance table of the JPEG file that has these pixels, None
    where there is none.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int
    made: bool
    masked: bool
    photo: int
    kind: str
    post: str
    difficulty: float
    strength: float
    change: str = UNCHANGED
    table: np.ndarray | None = None


COLUMNS = ("label", "made", "masked", "photo", "kind", "post", "difficulty", "strength", "change")


class PictureStore:
    """A finished store. Columns are (N,) arrays: label (1 is fake), made, masked, photo, kind, post, difficulty,
    strength, change."""

    def __init__(self, folder: Path) -> None:
        """Opens what `write_pictures` wrote. Raises FileNotFoundError, ValueError for another format."""
        index = np.load(folder / INDEX, allow_pickle=False)
        if str(index["format"]) != FORMAT:
            raise ValueError(f"{folder} is no store of pictures: expected format {FORMAT}; delete it")
        self.height, self.width = index["height"], index["width"]
        self.columns: dict[str, np.ndarray] = {name: index[name] for name in COLUMNS}
        self._tables = index["table"]
        self._pixels = np.memmap(folder / PIXELS, np.uint8, "r")
        self._masks = np.memmap(folder / MASKS, np.uint8, "r")
        cells = -(-self.height // MASK_STEP) * -(-self.width // MASK_STEP)
        self._pixel_start = np.concatenate([[0], np.cumsum(self.height * self.width * 3)])
        self._mask_start = np.concatenate([[0], np.cumsum(cells)])
        if self._pixels.size != self._pixel_start[-1] or self._masks.size != self._mask_start[-1]:
            raise ValueError(f"{folder} is incomplete: delete it, and it is made again")

    def __len__(self) -> int:
        return len(self.height)

    def image(self, row: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB, not to be written to."""
        flat = self._pixels[self._pixel_start[row] : self._pixel_start[row + 1]]
        return flat.reshape(int(self.height[row]), int(self.width[row]), 3)

    def grid(self, row: int) -> FileGrid | None:
        """Of the JPEG file that has this picture's pixels, upright; None where there is none."""
        table = self._tables[row]
        return FileGrid(table, orientation=1) if table.any() else None

    def mask(self, row: int) -> np.ndarray:
        """(ceil(H / 4), ceil(W / 4)) uint8, the share of each cell that was edited, 255 for all of it."""
        flat = self._masks[self._mask_start[row] : self._mask_start[row + 1]]
        return flat.reshape(-(-int(self.height[row]) // MASK_STEP), -(-int(self.width[row]) // MASK_STEP))


def write_pictures(folder: Path, pictures: Iterable[Picture]) -> PictureStore:
    """Writes a store and opens it. The index comes last: a folder without one was left by a killed process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    columns: dict[str, list[Any]] = {name: [] for name in ("height", "width", "table", *COLUMNS)}
    with (folder / PIXELS).open("wb") as pixels, (folder / MASKS).open("wb") as masks:
        for picture in pictures:
            pixels.write(np.ascontiguousarray(picture.image).tobytes())
            masks.write(_cells(picture.mask).tobytes())
            columns["height"].append(picture.image.shape[0])
            columns["width"].append(picture.image.shape[1])
            columns["table"].append(NO_TABLE if picture.table is None else picture.table)
            for name in COLUMNS:
                columns[name].append(getattr(picture, name))
    part = folder / ("part-" + INDEX)
    arrays: dict[str, Any] = {name: np.array(found) for name, found in columns.items()}
    np.savez(part, format=np.array(FORMAT), **arrays)
    part.replace(folder / INDEX)
    return PictureStore(folder)


def _cells(mask: np.ndarray) -> np.ndarray:
    """Mean of each 4 x 4 cell, what lies outside of the picture counting as untouched."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % MASK_STEP), (0, -width % MASK_STEP)))
    blocks = padded.reshape(padded.shape[0] // MASK_STEP, MASK_STEP, padded.shape[1] // MASK_STEP, MASK_STEP)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def is_finished(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether `folder` holds a finished store that was made from exactly `wanted` (see `mark_finished`)."""
    note = folder / "made_from.json"
    return (folder / INDEX).is_file() and note.is_file() and json.loads(note.read_text()) == wanted


def mark_finished(folder: Path, wanted: dict[str, Any]) -> None:
    """Notes what the store was made from."""
    (folder / "made_from.json").write_text(json.dumps(wanted, sort_keys=True))
