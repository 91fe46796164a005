"""Which pictures the auxiliary model *Generated face* learns from, and their frozen split.

Genuine people keep the side that the general split gives them; its `stack` is not used. The collection and the
generators are no sources of the ensemble and get a split of their own.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml import splits
from ml.sources import Photo, generated
from ml.synthesis.measure import MIN_SCORE, keep_measures, measured
from ml.training.preparation import limited, prepare

SIDES = (("test", 0.2), ("validation", 0.2), ("train", 0.6))
OF_A_GENERATOR = 150  # pictures at most, so that none outweighs the others in time
OF_A_SET = 150  # genuine pictures of one set in training, at most
SPLIT = "generated-splits.json"


@dataclass(frozen=True, slots=True)
class FaceList:
    """N pictures with a face. points: (N, 468, 2) pixels; group: (N,) the person's or near-duplicates' name; side: (N,)
    train, validation or test; general, own: SHA-256 of the two frozen splits."""

    photos: Sequence[Photo]
    points: np.ndarray
    group: np.ndarray
    side: np.ndarray
    general: str
    own: str


def list_faces(
    data: Path, work: Path, *, generators: Path | None = None, limit: int | None = None
) -> FaceList:
    """The pictures under `data` with a face, measured once and split; measures and splits are kept in `work`.

    generators: as of `ml.sources.generated.read`. limit: pictures of each set and label, for a smoke run. A picture of
    the collection or of a generator that is nearly one of the general sets' is left out. Raises SourceMissing, and
    ValueError when `work` holds a split of other pictures or a side has no generated face.
    """
    prepared = prepare(data, work, seed=0, limit=limit)
    drawn = _drawn(limited(generated.read(data, generators), limit))
    cache = work / "generated-measures.npz"
    measures = measured(drawn, cache, workers=1)
    kept = np.flatnonzero((measures.score >= MIN_SCORE) & ~_near(measures.hashes, prepared.measures.hashes))
    rows = kept.tolist()
    photos, faces = [drawn[row] for row in rows], measures.of(rows)
    group = splits.group_people(photos, faces.hashes)
    side_of = splits.assign_sides(photos, group, sides=SIDES)
    _require_generated_on_each(photos, side_of)
    own = splits.freeze_split(work / SPLIT, photos, group, side_of)
    keep_measures(measures, drawn, cache)  # only now: pictures that the split refuses change nothing

    real = np.array([photo.label == "real" for photo in prepared.photos])
    used = real & (prepared.side != "stack") & (prepared.measures.score >= MIN_SCORE)
    genuine = _thinned(prepared.photos, prepared.side, np.flatnonzero(used))
    return FaceList(
        [*(prepared.photos[row] for row in genuine.tolist()), *photos],
        np.concatenate([prepared.measures.points[genuine], faces.points]),
        np.concatenate([prepared.group[genuine], np.array(group)]),
        np.concatenate([prepared.side[genuine], np.array([side_of[photo.key] for photo in photos])]),
        prepared.frozen,
        own,
    )


def _require_generated_on_each(photos: Sequence[Photo], side_of: Mapping[str, str]) -> None:
    there = {side_of[photo.key] for photo in photos if photo.label == "fake"}
    lacking = [side for side, _ in SIDES if side not in there]
    if lacking:
        raise ValueError(
            f"no generated face is on the side of {' and '.join(lacking)}: give at least three pictures of each "
            "generator that show a face and are no near-duplicates"
        )


def _drawn(photos: Sequence[Photo]) -> list[Photo]:
    """At most OF_A_GENERATOR of each source and label, by the order of their names' digests."""
    strata: dict[tuple[str, str], list[Photo]] = defaultdict(list)
    for photo in sorted(photos, key=_digest):
        strata[photo.source, photo.label].append(photo)
    return [photo for rows in strata.values() for photo in rows[:OF_A_GENERATOR]]


def _thinned(photos: Sequence[Photo], side: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows with at most OF_A_SET of each source in training."""
    count: dict[str, int] = defaultdict(int)
    kept = []
    for row in sorted(rows.tolist(), key=lambda row: _digest(photos[row])):
        if side[row] == "train":
            count[photos[row].source] += 1
            if count[photos[row].source] > OF_A_SET:
                continue
        kept.append(row)
    return np.array(sorted(kept))


def _digest(photo: Photo) -> str:
    return hashlib.sha256(photo.key.encode()).hexdigest()


def _near(hashes: np.ndarray, general: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a picture is nearly one of the general sets'. hashes, general: (., 256) bool."""
    signs = [2 * bits.astype(np.float32) - 1 for bits in (hashes, general)]
    return np.asarray((splits.HASH_BITS - signs[0] @ signs[1].T).min(1) / 2 <= splits.NEAR_BITS)
