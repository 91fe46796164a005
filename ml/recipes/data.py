"""From a data set's rows to arrays: checked for readability, split once, prepared on disk."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml import splits
from ml.recipes.base import Context, Scores
from ml.sources import Photo, SourceMissing
from ml.sources.base import listed

SIDES = (("test", 0.1), ("validation", 0.1), ("train", 0.8))
HASH_SIDE = 16
TINY = 1e-6  # as Keras does to avoid division by zero

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True)
class Divided:
    """Photographs, their groups and the side each is on. sha256: of the frozen file."""

    photos: list[Photo]
    group: list[str]
    side: list[str]
    skipped: list[str]
    sha256: str

    def on(self, side: str) -> np.ndarray:
        """Row numbers of one side."""
        return np.flatnonzero(np.array(self.side) == side)

    def counts(self) -> dict[str, dict[str, int]]:
        """side -> class -> images."""
        rows = list(zip(self.side, (p.label for p in self.photos), strict=True))
        return {s: {c: rows.count((s, c)) for c in ("real", "fake")} for s, _ in SIDES}

    def scores(self, side: str, score: np.ndarray) -> Scores:
        """score: (N,) probability of fake of this side's rows, in order."""
        rows = self.on(side)
        photos = [self.photos[i] for i in rows]
        return Scores(
            side=side,
            key=[p.key for p in photos],
            source=[p.source for p in photos],
            group=[self.group[i] for i in rows],
            label=[int(p.label == "fake") for p in photos],
            score=[round(float(s), 6) for s in score],
        )


def label_of(photos: Sequence[Photo]) -> np.ndarray:
    """(N,) int64, 1 is fake."""
    return np.array([p.label == "fake" for p in photos], dtype=np.int64)


def divide(photos: Sequence[Photo], context: Context, *, both: bool = True) -> Divided:
    """Checks that every photograph can be read, groups near-duplicates, splits 80:10:10 and freezes it below `out`.

    A frozen split that is there already is used. Raises SourceMissing for an unreadable photograph (unless those are to
    be skipped), or when a side lacks a class; without `both` it may, because fakes are made later.
    """
    chosen = limited(photos, context.budget.images)
    hashes, bad = _hashes(chosen, context)
    if bad and not context.skip_unreadable:
        raise SourceMissing(
            f"{len(bad)} unreadable: {listed(bad)}; expected images, or use --skip-unreadable"
        )
    if bad:
        context.say(f"skipped {len(bad)} unreadable: {listed(bad)}")
    kept = [p for p, h in zip(chosen, hashes, strict=True) if h is not None]
    group = splits.group_people(kept, np.array([h for h in hashes if h is not None]).reshape(len(kept), -1))
    frozen = context.out / "splits.json"
    if not frozen.exists():
        splits.freeze_split(frozen, kept, group, splits.assign_sides(kept, group, sides=SIDES))
    side_of = splits.load_split(frozen, kept)
    divided = Divided(
        kept, group, [side_of[p.key] for p in kept], bad, hashlib.sha256(frozen.read_bytes()).hexdigest()
    )
    for side, classes in divided.counts().items() if both else ():
        if empty := [name for name, count in classes.items() if not count]:
            raise SourceMissing(
                f"{context.data}: the {side} side has no {' and no '.join(empty)} image: expected enough of both"
            )
    return divided


def limited(photos: Sequence[Photo], images: int | None) -> list[Photo]:
    """At most `most` rows of each class and source, drawn by the SHA-256 of their keys, in the original order."""
    if images is None:
        return list(photos)
    kept: set[str] = set()
    for stratum in sorted({(p.source, p.label) for p in photos}):
        keys = [p.key for p in photos if (p.source, p.label) == stratum]
        kept.update(sorted(keys, key=lambda k: hashlib.sha256(k.encode()).digest())[:images])
    return [p for p in photos if p.key in kept]


def open_rgb(path: Path) -> Image.Image:
    """A research photograph in RGB. Raises SourceMissing when it cannot be decoded."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise SourceMissing(f"{path} cannot be read ({error}): expected an image") from error


def prepare(
    photos: Sequence[Photo],
    name: str,
    shape: tuple[int, ...],
    make: Callable[[Photo], np.ndarray],
    context: Context,
) -> np.ndarray:
    """make(photo), (N, *shape) uint8, kept in `<out>/<name>.npy` so that a resumed run need not make it again.

    Raises ValueError when the file was made from other photographs.
    """
    path, part = context.out / f"{name}.npy", context.out / f"{name}.part"
    if path.exists():
        found: np.ndarray = np.load(path, mmap_mode="r")
        if found.shape != (len(photos), *shape):
            raise ValueError(f"{path} is of another run: delete it or choose another --out")
        return found
    array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(photos), *shape))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool, context.progress(len(photos), name) as bar:
        for row, made in enumerate(pool.map(make, photos)):
            array[row] = made
            bar.update()
    array.flush()
    part.replace(path)
    return np.load(path, mmap_mode="r")


def standardised(images: np.ndarray) -> Tensor:
    """(B, 3, S, S) float32 from (B, S, S, 3) uint8: each picture by its own mean and deviation, as Keras does it."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    mean, deviation = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True, correction=0)
    return (x - mean) / (deviation + TINY)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Examples from arrays. inputs: (M, H, W, C) uint8; target: (M,) or (M, ...); rows: (N,) which of them are used.

    The network gets inputs divided by 255, or, if samplewise, each picture by its own mean and deviation. augment: one
    input (H, W, C) uint8 to another, on training batches only.
    """

    inputs: np.ndarray
    target: np.ndarray
    rows: np.ndarray
    augment: Augment | None = None
    samplewise: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        chosen = self.rows[rows]
        images = [self.inputs[i] for i in chosen]
        if rng is not None and self.augment:
            images = [self.augment(image, rng) for image in images]
        if self.samplewise:
            return standardised(np.stack(images)), torch.from_numpy(self.target[chosen])
        x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        return x, torch.from_numpy(self.target[chosen])


@dataclass(frozen=True, slots=True)
class Streamed:
    """Examples read from their files batch by batch, for sets that do not fit into memory or on disk.
    make(photo): (H, W, C) uint8."""

    photos: Sequence[Photo]
    rows: np.ndarray
    make: Callable[[Photo], np.ndarray]
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        chosen = [self.photos[i] for i in self.rows[rows]]
        images = [self.make(photo) for photo in chosen]
        if rng is not None and self.augment:
            images = [self.augment(image, rng) for image in images]
        x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        return x, torch.from_numpy(label_of(chosen))


def _hashes(photos: Sequence[Photo], context: Context) -> tuple[list[np.ndarray | None], list[str]]:
    """A 256-bit perceptual hash of each photograph, None where it cannot be read, and the paths of those."""

    def one(photo: Photo) -> np.ndarray | None:
        try:
            bits: np.ndarray = imagehash.phash(
                open_rgb(photo.path), hash_size=HASH_SIDE, highfreq_factor=2
            ).hash
        except SourceMissing:
            return None
        return bits.ravel()

    found = []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool, context.progress(len(photos), "reading") as bar:
        for bits in pool.map(one, photos):
            found.append(bits)
            bar.update()
    return found, [str(p.path) for p, bits in zip(photos, found, strict=True) if bits is None]
