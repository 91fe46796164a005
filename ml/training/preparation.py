"""From the face sets to frozen splits and stores of pictures: what `ml baseline --hours` does once, and keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection.bundle import Bundle
from ml import splits
from ml.pictures import FORMAT, PictureStore, is_finished, mark_finished, write_pictures
from ml.sources import Photo, read_all
from ml.synthesis.forged_rows import MATCHED, OWN, ForgeryJob, plan_forgeries
from ml.synthesis.measure import MIN_SCORE, Measures, measure_faces
from ml.synthesis.pictures import pictures
from ml.training.face_crops import CROP, crops

SIDES = ("train", "stack", "validation", "test")
SPLIT = "splits.json"
# Coarse pastes (swap, copy-move and splice) are a fifth; fraudsters take more care.
WAYS = {
    MATCHED: 0.42,
    "self": 0.12,
    "warp": 0.13,
    "retouch": 0.13,
    "swap": 0.1,
    "copymove": 0.05,
    "splice": 0.05,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The sets, split and decoded. group: (N,) name of each photo's group; frozen: SHA-256 of the split."""

    photos: Sequence[Photo]
    measures: Measures
    group: np.ndarray
    side: np.ndarray
    frozen: str
    work: Path
    seed: int

    def require_split_of(self, bundle: Bundle) -> None:
        """Raises ValueError when a bundle's members were trained on another split than that of these pictures, because
        people that they have seen would be measured as unseen ones."""
        trained = bundle.provenance.get("splits_sha256")
        if trained != self.frozen:
            raise ValueError(
                f"{bundle.version} was trained on another split ({trained}) than that of these pictures "
                f"({self.frozen}): people that it has seen could be on the side of test. Give the pictures and the "
                "work folder that it was made from"
            )

    def store(self, side: str) -> PictureStore:
        """The pictures of one side, made when they are not there yet: each source's own as their files are, and each
        real one again with a forged version of it."""
        jobs = self.jobs(side)
        wanted: dict[str, Any] = {
            "format": FORMAT,
            "splits": self.frozen,
            "seed": self.seed,
            "side": side,
            "jobs": len(jobs),
            "ways": WAYS,
        }
        return self._store(self.work / "pictures" / side, wanted, jobs)

    def files(self, side: str) -> PictureStore:
        """The genuine photographs of one side as their files are, of those in which a face is found; made when they
        are not there yet."""
        seen = np.flatnonzero((self.side == side) & (self.measures.score >= MIN_SCORE)).tolist()
        rows = [k for k in seen if self.photos[k].label == "real"]
        wanted = {"format": FORMAT, "splits": self.frozen, "side": side, "files": len(rows)}
        return self._store(self.work / "files" / side, wanted, [_as_it_is(row) for row in rows])

    def _store(self, folder: Path, wanted: dict[str, Any], jobs: Sequence[ForgeryJob]) -> PictureStore:
        if not is_finished(folder, wanted):
            write_pictures(folder, pictures(self.photos, self.measures, jobs))
            mark_finished(folder, wanted)
        return PictureStore(folder)

    def crops(self, side: str) -> PictureStore:
        """The crops around the face of `store(side)`, made when they are not there yet."""
        store, folder = self.store(side), self.work / "crops" / side
        wanted: dict[str, Any] = {
            "format": FORMAT,
            "splits": self.frozen,
            "seed": self.seed,
            "pictures": len(store),
            "crop": repr(CROP),
        }
        if not is_finished(folder, wanted):
            write_pictures(folder, crops(store, self.measures.points))
            mark_finished(folder, wanted)
        return PictureStore(folder)

    def source_of(self, store: PictureStore) -> np.ndarray:
        """(N,) name of the source of each row."""
        return np.array([self.photos[i].source for i in store.columns["photo"]])

    def group_of(self, store: PictureStore) -> np.ndarray:
        """(N,) name of the person's group of each row."""
        return self.group[store.columns["photo"]]

    def jobs(self, side: str) -> list[ForgeryJob]:
        """Of the pictures of `store(side)`, in order."""
        chosen = self.side == side
        number = SIDES.index(side)
        made = plan_forgeries(
            self.photos,
            self.measures,
            self.group,
            chosen,
            rounds=1,
            seed=self.seed + number,
            ways=WAYS,
        )
        with_fakes = {p.source for p in self.photos if p.label == "fake"}
        own = [
            _as_it_is(index)
            for index in np.flatnonzero(chosen).tolist()
            if self.photos[index].source in with_fakes
        ]
        partners = {k - 1 for k, job in enumerate(made) if job.way != OWN}
        kept = [job for k, job in enumerate(made) if job.way != OWN or k in partners]
        return own + kept


def _as_it_is(index: int) -> ForgeryJob:
    return ForgeryJob(index, -1, OWN, 1.0, 0, False)


def prepare(data: Path, work: Path, *, seed: int, limit: int | None = None, workers: int = 1) -> Prepared:
    """Reads the sets under `data`, measures them and freezes the split in `work`.

    limit: photographs of each source and label, for a smoke run. Raises SourceMissing, and ValueError when `work` has
    the split of other pictures; then it stays as it is, and so do its measures.
    """
    photos = limited(read_all(data), limit)
    splits.require_frozen_of(work / SPLIT, photos)
    work.mkdir(parents=True, exist_ok=True)
    measures = measure_faces(photos, work / "measures.npz", workers)
    group = np.array(splits.group_people(photos, measures.hashes))
    side_of = splits.assign_sides(photos, group.tolist())
    frozen = splits.freeze_split(work / SPLIT, photos, group.tolist(), side_of)
    side = np.array([side_of[p.key] for p in photos])
    return Prepared(photos, measures, group, side, frozen, work, seed)


def limited(photos: Sequence[Photo], limit: int | None) -> list[Photo]:
    """The first `limit` of each source and label, all when it is None."""
    if limit is None:
        return list(photos)
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for photo in photos:
        stratum = (photo.source, photo.label)
        seen[stratum] = seen.get(stratum, 0) + 1
        if seen[stratum] <= limit:
            kept.append(photo)
    return kept
