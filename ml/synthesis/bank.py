"""The bank: real faces and forged versions of the same photographs, framed and compressed alike.

Real and forged version share framing, JPEG quality and resizing, so that nothing but the edit tells them apart.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.bank import FULL, MASK, STORED, Bank
from ml.sources import Photo
from ml.synthesis.donors import neighbours, shape_features
from ml.synthesis.forge import draw_recipe, self_blend, swap
from ml.synthesis.measure import MIN_SCORE, Measures
from ml.synthesis.regions import mask_of

SELF_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the bank to make. fake: forge it; donor: index or -1 for a self-blend."""

    index: int
    donor: int
    fake: bool
    difficulty: float
    seed: int
    serving: bool  # framed exactly as serving frames it, for evaluation


def plan(
    photos: Sequence[Photo],
    measures: Measures,
    groups: np.ndarray,
    chosen: np.ndarray,
    *,
    rounds: int,
    seed: int,
    serving: bool = False,
    difficulty: tuple[float, float] = (0.0, 1.0),
) -> list[Job]:
    """Jobs in pairs (real, forged version of it) for real photos, and single rows for the sources' own fakes.

    chosen: (N,) bool, one side of the split; donors come from the same side and source.
    """
    rng = np.random.default_rng(seed)
    features = shape_features(measures)
    usable = chosen & (measures.score >= MIN_SCORE)
    source = np.array([p.source for p in photos])
    real = np.array([p.label == "real" for p in photos])
    jobs: list[Job] = []
    for name in sorted(set(source[usable])):
        pool = np.flatnonzero(usable & real & (source == name))
        near = dict(zip(pool, neighbours(features, pool, groups), strict=True))
        for _ in range(rounds):
            for index in pool:
                level = float(rng.uniform(*difficulty))
                donor = -1 if rng.random() < SELF_SHARE else int(rng.choice(near[index]))
                made = int(rng.integers(2**31))
                jobs.append(Job(int(index), donor, False, level, made, serving))
                jobs.append(Job(int(index), donor, True, level, made, serving))
            for index in np.flatnonzero(usable & ~real & (source == name)):
                jobs.append(Job(int(index), -1, False, 1.0, int(rng.integers(2**31)), serving))
    return jobs


_photos: Sequence[Photo] = ()
_measures: Measures | None = None


def _begin(photos: Sequence[Photo], measures: Measures) -> None:
    global _photos, _measures
    _photos, _measures = photos, measures


def make(photos: Sequence[Photo], measures: Measures, jobs: Sequence[Job], workers: int = 2) -> Bank:
    """Makes all rows; the same jobs give the same bank whatever the number of workers."""
    images = np.empty((len(jobs), STORED, STORED, 3), np.uint8)
    masks = np.empty((len(jobs), MASK, MASK), np.uint8)
    kinds: list[str] = []
    masked = np.empty(len(jobs), bool)
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(photos, measures)) as pool:
        for row, (image, mask, kind, known) in enumerate(pool.map(_row, jobs, chunksize=64)):
            images[row], masks[row], masked[row] = image, mask, known
            kinds.append(kind)
    return Bank(
        images=images,
        masks=masks,
        label=np.array([j.fake or photos[j.index].label == "fake" for j in jobs], np.float32),
        made=np.array([j.fake for j in jobs]),
        index=np.array([j.index for j in jobs]),
        kind=np.array(kinds),
        masked=masked,
        difficulty=np.array([j.difficulty for j in jobs], np.float32),
    )


def _row(job: Job) -> tuple[np.ndarray, np.ndarray, str, bool]:
    assert _measures is not None
    rng = np.random.default_rng(job.seed)
    photo, points = _photos[job.index], _measures.points[job.index]
    image = load_rgb(photo)
    mask, kind, known = np.zeros(image.shape[:2], np.uint8), "real", True
    view_rng = np.random.default_rng([job.seed, 1])  # the pair's two rows must frame and compress alike
    if job.fake:
        recipe = draw_recipe(rng, job.difficulty)
        if job.donor < 0:
            forged = self_blend(image, points, recipe, rng)
        else:
            donor = load_rgb(_photos[job.donor])
            forged = swap(image, points, donor, _measures.points[job.donor], recipe)
        image, mask, kind = forged.image, forged.mask, forged.kind
    elif photo.label == "fake":
        kind, known = "source", bool(photo.regions)
        for region in photo.regions:
            mask |= mask_of(region, points, image.shape[:2], 1.3)
    return *view(image, mask, view_rng, serving=job.serving), kind, known


def load_rgb(photo: Photo) -> np.ndarray:
    """(H, W, 3) uint8 RGB of the file."""
    with Image.open(photo.path) as opened:
        return np.asarray(opened.convert("RGB"))


def view(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator, *, serving: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The middle 176 px of the centre square scaled to 200 px, after a JPEG pass, with its mask at 44 px.

    Unless `serving`, the square is zoomed by up to 20 % and shifted by up to 5 %.
    """
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, "JPEG", quality=88 if serving else int(rng.integers(70, 97)))
    picture = Image.open(coded)
    height, width = image.shape[:2]
    side = min(height, width) * (1.0 if serving else float(rng.uniform(0.82, 1.0)))
    shift = np.zeros(2) if serving else rng.uniform(-0.05, 0.05, 2) * side
    left = np.clip((width - side) / 2 + shift[0], 0, width - side)
    top = np.clip((height - side) / 2 + shift[1], 0, height - side)
    edge = side * (FULL - STORED) / 2 / FULL
    box = (left + edge, top + edge, left + side - edge, top + side - edge)
    kept = picture.resize((STORED, STORED), Image.Resampling.BILINEAR, box=box)
    small = Image.fromarray(mask).resize((MASK, MASK), Image.Resampling.BILINEAR, box=box)
    return np.asarray(kept), np.asarray(small)
