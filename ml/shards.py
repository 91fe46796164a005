"""The data store: photographs decoded once, at one size, lossless, ready to be drawn in any order.

A store is a folder of shards. `000.bin` holds one zlib stream a picture (each row's difference from the row
above, so that it compresses), `000.npy` the offset and label of each, `store.json` the side, the shards and
every file's key. Shards are written atomically, so a killed build can be resumed.

System T keeps 80 shards of 2,546 real and 12 fake faces, 125x125, in float64 HDF5, each divided 80:10:10;
`deal` and `divided` do the same, and `ml.hdf5` writes its files.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

from ml.sources import Photo, SourceMissing

FORMAT = "kyc-review/store/1"
SIDES = ("train", "validation", "test")
ROW = np.dtype([("offset", "<u8"), ("length", "<u4"), ("label", "u1"), ("photo", "<u4")])
LEVEL = (
    1  # of zlib; run-length mode compresses differences as well as a full search, in two thirds of the time
)
FAKES_A_SHARD = 12

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. label: (N,) int64, 1 is fake; shard, photo: (N,) int64, photo indexes `keys`; rows lie shard by
    shard in the order in which they were dealt."""

    folder: Path
    side: int
    keys: list[str]
    label: np.ndarray
    shard: np.ndarray
    photo: np.ndarray
    _offset: np.ndarray
    _length: np.ndarray
    _streams: list[np.ndarray]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens a store's files as memory maps. Raises SourceMissing when the folder holds no complete store."""
        try:
            notes = json.loads((folder / "store.json").read_bytes())
        except OSError as error:
            raise SourceMissing(f"{folder / 'store.json'} cannot be read: expected a data store") from error
        if notes.get("format") != FORMAT:
            raise SourceMissing(f"{folder / 'store.json'} is no {FORMAT}: expected a data store")
        tables = [np.load(folder / f"{number:03}.npy") for number in range(notes["shards"])]
        table = np.concatenate(tables)
        return cls(
            folder,
            notes["side"],
            notes["keys"],
            table["label"].astype(np.int64),
            np.repeat(np.arange(len(tables)), [len(t) for t in tables]),
            table["photo"].astype(np.int64),
            table["offset"].astype(np.int64),
            table["length"].astype(np.int64),
            [np.memmap(folder / f"{n:03}.bin", np.uint8, "r") for n in range(notes["shards"])],
        )

    def __len__(self) -> int:
        return len(self.label)

    def image(self, row: int) -> np.ndarray:
        """(side, side, 3) uint8 RGB of one row."""
        start = self._offset[row]
        stream = self._streams[self.shard[row]][start : start + self._length[row]]
        return decompress_image(stream.tobytes(), self.side)

    def images(self, rows: np.ndarray) -> np.ndarray:
        """(B, side, side, 3) uint8 RGB of some rows, in their order."""
        out = np.empty((len(rows), self.side, self.side, 3), np.uint8)
        for place, row in enumerate(rows):
            out[place] = self.image(int(row))
        return out

    @property
    def size_bytes(self) -> int:
        """Total size of its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


def compress_image(image: np.ndarray) -> bytes:
    """One picture, (S, S, 3) uint8, as a zlib stream of differences between rows (modulo 256)."""
    difference = image.copy()
    difference[1:] -= image[:-1]
    stream = zlib.compressobj(LEVEL, strategy=zlib.Z_RLE)
    return stream.compress(difference.data) + stream.flush()


def decompress_image(stream: bytes, side: int) -> np.ndarray:
    """The inverse of `packed`."""
    difference = np.frombuffer(zlib.decompress(stream), np.uint8).reshape(side, side, 3)
    return np.add.accumulate(difference, axis=0, dtype=np.uint8)


def deal_to_shards(label: np.ndarray, shards: int) -> list[np.ndarray]:
    """Rows of each shard, both classes spread evenly in the order they come, as the document does.

    label: (N,) 1 is fake. Raises ValueError when a shard would lack a class.
    """
    classes = [np.flatnonzero(label == value) for value in (0, 1)]
    if shards < 1 or min(len(rows) for rows in classes) < shards:
        raise ValueError(f"{shards} shards need as many images of each class: found {np.bincount(label)}")
    parts = [np.array_split(rows, shards) for rows in classes]
    return [np.concatenate(pair) for pair in zip(*parts, strict=True)]


def shards_for(fakes: int) -> int:
    """How many shards give each twelve fakes, as in the document (80 for its 960)."""
    return max(1, fakes // FAKES_A_SHARD)


def split_rows(label: np.ndarray, shard: np.ndarray, seed: int) -> np.ndarray:
    """(N,) str: train, validation or test, drawn 80:10:10 and stratified by class within each shard.

    Raises ValueError when a shard has fewer than ten images of a class.
    """
    sides = np.empty(len(label), dtype="<U10")
    for number in np.unique(shard):
        rows = np.flatnonzero(shard == number)
        if np.bincount(label[rows], minlength=2).min() < 10:
            raise ValueError(f"shard {number} needs ten images of each class to be divided 80:10:10")
        train, rest = train_test_split(
            rows, test_size=0.2, stratify=label[rows], random_state=seed + int(number)
        )
        validation, test = train_test_split(
            rest, test_size=0.5, stratify=label[rest], random_state=seed + int(number)
        )
        for name, part in zip(SIDES, (train, validation, test), strict=True):
            sides[part] = name
    return sides


def build_store(
    photos: Sequence[Photo], folder: Path, *, side: int, shards: int, advance: Advance = lambda count: None
) -> Store:
    """Writes a store of these photographs, or the missing part of it, and opens it. advance(n): n more are
    done.

    Memory stays at a few pictures a thread. Raises SourceMissing for an unreadable file and ValueError when the folder
    holds the store of other photographs.
    """
    label = np.array([p.label == "fake" for p in photos], dtype=np.int64)
    notes = {"format": FORMAT, "side": side, "shards": shards, "keys": [p.key for p in photos]}
    folder.mkdir(parents=True, exist_ok=True)
    _same_store(folder / "store.json", folder / "plan.json", notes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, rows in enumerate(deal_to_shards(label, shards)):
            if not (folder / f"{number:03}.npy").exists():
                _write_shard(folder, number, rows, photos, side, pool)
            advance(len(rows))
    (folder / "plan.json").replace(folder / "store.json")
    return Store.open(folder)


def read_square(path: Path, side: int) -> np.ndarray:
    """(side, side, 3) uint8 RGB of a file, the whole picture resized to a square, as in the document."""
    try:
        with Image.open(path) as image:
            square = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    except (OSError, ValueError, SyntaxError) as error:
        raise SourceMissing(f"{path} cannot be read ({error}): expected an image") from error
    return np.asarray(square)


def _write_shard(
    folder: Path, number: int, rows: np.ndarray, photos: Sequence[Photo], side: int, pool: ThreadPoolExecutor
) -> None:
    table, offset = np.zeros(len(rows), ROW), 0
    part = folder / f"{number:03}.part"
    made = _ahead(pool, lambda row: compress_image(read_square(photos[row].path, side)), rows)
    with part.open("wb") as file:
        for place, (row, stream) in enumerate(zip(rows, made, strict=True)):
            table[place] = (offset, len(stream), photos[row].label == "fake", row)
            offset += file.write(stream)
    part.replace(folder / f"{number:03}.bin")
    with part.open("wb") as file:
        np.save(file, table)
    part.replace(folder / f"{number:03}.npy")


def _ahead(pool: ThreadPoolExecutor, make: Callable[[int], bytes], rows: np.ndarray) -> Iterator[bytes]:
    """make(row) of each row in order; at most a few dozen are pending, however long the shard is."""
    left = iter(rows)
    waiting = [pool.submit(make, int(row)) for row in islice(left, 64)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(make, int(row)) for row in islice(left, 1)]


def _same_store(done: Path, plan: Path, notes: dict[str, object]) -> None:
    found = next((path for path in (done, plan) if path.exists()), None)
    if found is None:
        plan.write_text(json.dumps(notes))
    elif json.loads(found.read_text()) != notes:
        raise ValueError(f"{found} is of other photographs: delete its folder or choose another")
    elif found == done:
        done.replace(plan)
