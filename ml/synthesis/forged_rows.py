"""Builds training rows: real faces and forged versions of the same photographs, framed and compressed in the
same way.

Both share post-processing, framing, JPEG quality and resizing, so that they differ only by the edit.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.sources import Photo
from ml.synthesis.degradation import degrade, recompress
from ml.synthesis.donors import neighbours, shape_features
from ml.synthesis.edits import copy_move, retouch, splice, warp
from ml.synthesis.forge import Forgery, draw_recipe, self_blend, swap
from ml.synthesis.matched import matching_donor, mesh_swap
from ml.synthesis.measure import MIN_SCORE, Measures
from ml.synthesis.regions import mask_of
from ml.training_rows import FULL, MASK, STORED, TrainingRows

# How often each kind of forgery is drawn; RFF's forgeries are swaps.
WAYS = {"swap": 0.55, "self": 0.1, "warp": 0.12, "retouch": 0.11, "copymove": 0.06, "splice": 0.06}
MATCHED = "mesh"  # a swap by the mesh, from a donor that looks like the target
OWN = "own"  # not forged here: a real face, or a source's own fake


@dataclass(frozen=True, slots=True)
class ForgeryJob:
    """One training row to make. way: of WAYS to forge it, or OWN; donor: index of the donor's face."""

    index: int
    donor: int
    way: str
    difficulty: float
    seed: int
    serving: bool  # framed exactly as in serving, for evaluation


def plan_forgeries(
    photos: Sequence[Photo],
    measures: Measures,
    groups: np.ndarray,
    chosen: np.ndarray,
    *,
    rounds: int,
    seed: int,
    serving: bool = False,
    difficulty: tuple[float, float] = (0.0, 1.0),
    ways: Mapping[str, float] = WAYS,
) -> list[ForgeryJob]:
    """Jobs in pairs (real, forged version of it) for real photos, and single rows for the sources' own fakes.

    chosen: (N,) bool, one side of the split; donors come from the same side and source.
    """
    rng = np.random.default_rng(seed)
    features = shape_features(measures)
    usable = chosen & (measures.score >= MIN_SCORE)
    source = np.array([p.source for p in photos])
    real = np.array([p.label == "real" for p in photos])
    jobs: list[ForgeryJob] = []
    for name in sorted(set(source[usable])):
        pool = np.flatnonzero(usable & real & (source == name))
        near = dict(zip(pool, neighbours(features, pool, groups), strict=True))
        for _ in range(rounds):
            for index in pool:
                level = float(rng.uniform(*difficulty))
                way = str(rng.choice(list(ways), p=list(ways.values())))
                donor, made = int(rng.choice(near[index])), int(rng.integers(2**31))
                if way == MATCHED:
                    donor = matching_donor(measures.looks, int(index), near[index], rng)
                jobs.append(ForgeryJob(int(index), donor, OWN, level, made, serving))
                jobs.append(ForgeryJob(int(index), donor, way, level, made, serving))
            for index in np.flatnonzero(usable & ~real & (source == name)):
                jobs.append(ForgeryJob(int(index), -1, OWN, 1.0, int(rng.integers(2**31)), serving))
    return jobs


_photos: Sequence[Photo] = ()
_measures: Measures | None = None


def _begin(photos: Sequence[Photo], measures: Measures) -> None:
    global _photos, _measures
    _photos, _measures = photos, measures


def make_rows(
    photos: Sequence[Photo], measures: Measures, jobs: Sequence[ForgeryJob], workers: int = 2
) -> TrainingRows:
    """Computes all rows; the result does not depend on the number of workers."""
    images = np.empty((len(jobs), STORED, STORED, 3), np.uint8)
    masks = np.empty((len(jobs), MASK, MASK), np.uint8)
    strength = np.zeros(len(jobs), np.float32)
    kinds, posts, masked = [], [], np.empty(len(jobs), bool)
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(photos, measures)) as pool:
        for k, row in enumerate(pool.map(_row, jobs, chunksize=64)):
            images[k], masks[k], strength[k], masked[k] = row.image, row.mask, row.strength, row.known
            kinds.append(row.kind)
            posts.append(row.post)
    made = np.array([j.way != OWN for j in jobs])
    return TrainingRows(
        images=images,
        masks=masks,
        label=(made | np.array([photos[j.index].label == "fake" for j in jobs])).astype(np.float32),
        made=made,
        index=np.array([j.index for j in jobs]),
        kind=np.array(kinds),
        masked=masked,
        difficulty=np.array([j.difficulty for j in jobs], np.float32),
        strength=strength,
        post=np.array(posts),
    )


@dataclass(frozen=True, slots=True)
class ForgedRow:
    """One training row, as the fields of TrainingRows."""

    image: np.ndarray
    mask: np.ndarray
    kind: str
    known: bool
    strength: float
    post: str


def _row(job: ForgeryJob) -> ForgedRow:
    assert _measures is not None
    photo, points = _photos[job.index], _measures.points[job.index]
    image = load_rgb(photo)
    mask, kind, known, strength = np.zeros(image.shape[:2], np.uint8), "real", True, 0.0
    if job.way != OWN:
        forged = _forged(job, image)
        strength = edit_strength(forged, image)
        image, mask, kind = forged.image, forged.mask, forged.kind
    elif photo.label == "fake":
        kind, known = "source", bool(photo.regions)
        for region in photo.regions:
            mask |= mask_of(region, points, image.shape[:2], 1.3)
    # Both rows of the pair must be degraded and framed in the same way.
    view_rng = np.random.default_rng([job.seed, 1])
    image, post = degrade(image, view_rng)
    return ForgedRow(
        *frame_and_compress(image, mask, view_rng, serving=job.serving), kind, known, strength, post
    )


def _forged(job: ForgeryJob, image: np.ndarray) -> Forgery:
    assert _measures is not None
    return forge_photo(_photos, _measures, job, image)


def forge_photo(photos: Sequence[Photo], measures: Measures, job: ForgeryJob, image: np.ndarray) -> Forgery:
    """The forgery that a job asks for. image: (H, W, 3) uint8 RGB of the photograph of `job.index`."""
    rng, points = np.random.default_rng(job.seed), measures.points[job.index]
    if job.way == "warp":
        return warp(image, points, job.difficulty, rng)
    if job.way == "retouch":
        return retouch(image, points, job.difficulty, rng)
    recipe = draw_recipe(rng, job.difficulty)
    if job.way == "self":
        return self_blend(image, points, recipe, rng)
    if job.way == "copymove":
        return copy_move(image, points, recipe, rng)
    donor, donor_points = load_rgb(photos[job.donor]), measures.points[job.donor]
    if job.way == "splice":
        return splice(image, points, donor, donor_points, recipe, rng)
    if job.way == MATCHED:
        return mesh_swap(image, points, donor, donor_points, recipe)
    return swap(image, points, donor, donor_points, recipe)


def edit_strength(forged: Forgery, original: np.ndarray) -> float:
    """Mean absolute change inside the mask, in grey levels of 0..255, before anything is compressed."""
    inside = forged.mask > 127
    if not inside.any():
        return 0.0
    return float(np.abs(forged.image[inside].astype(np.float32) - original[inside]).mean())


def load_rgb(photo: Photo) -> np.ndarray:
    """(H, W, 3) uint8 RGB of the file."""
    with Image.open(photo.path) as opened:
        return np.asarray(opened.convert("RGB"))


def frame_and_compress(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator, *, serving: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The middle 176 px of the centre square scaled to 200 px, after a JPEG pass, with its mask at 44 px.

    Unless `serving`, the square is zoomed by up to 20 % and shifted by up to 5 %.
    """
    picture = Image.fromarray(recompress(image, 88 if serving else int(rng.integers(70, 97))))
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
