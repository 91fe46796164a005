"""The versions of a picture that *Generated face* sees, and their features, kept on disk.

A generated face is first made a file like those of the genuine sets: reduced to the eye distance of a genuine face that
is no larger than itself, and saved with the quantisation tables of its file. Small faces adopt small ones and large
faces large ones, so that the sizes of a generator are spread as genuine ones as far as they can be. The photographs of
the collection go through the same. Then one version stays so, and the others are degraded and saved again, as those of
genuine faces are.

That narrows what size and compression tell, and does not end it: no face is enlarged, so a generator of small faces
has small ones alone; a face smaller than all genuine ones keeps its size; and genuine files that are no JPEG have no
compression to adopt. `ml.training.generated_model.side_facts_tell` measures what is left.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, JpegImagePlugin

from detection.auxiliary_files import FACE_EXTENT
from detection.bundle import FACE, View
from detection.faces.align import FaceFrame
from detection.networks.pooled_lite0 import PooledLite0
from detection.precision import has_bfloat16
from detection.views import crop
from ml.evaluation.file_facts import border_facts
from ml.sources.generated import COLLECTION
from ml.synthesis.degradation import degrade, saved
from ml.synthesis.pictures import QUALITY
from ml.training.face_crops import frame_from_mesh
from ml.training.generated_lists import FaceList

VERSIONS = 3  # of which the first is as a file came, or as it was made like one
OWN_FILE = VERSIONS  # number of a collected picture's own file: only measured, never learned from
NO_FACTS = [float("nan")] * 8
FACTS: Mapping[str, slice] = {
    "size": slice(0, 2),
    "sharpness": slice(2, 4),
    "light and colour": slice(4, 7),
    "blockiness": slice(7, 8),
    "all but size": slice(2, 8),
}
SIDE, BATCH = 224, 8
FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
RECIPE = "2026-11-28/4"  # of the versions; another one makes kept features void


@dataclass(frozen=True, slots=True)
class Habit:
    """What a genuine file shows of its set: the eyes' distance in pixels, and how a JPEG was saved."""

    eyes: float
    tables: dict[int, list[int]]
    sampling: int


@dataclass(frozen=True, slots=True)
class FaceRows:
    """M versions of pictures: features (M, F) float32; facts (M, 8) of the picture, width, height and
    `border_facts`, NaN of own files; label (M,) 1 is
    generated; source, person and side (M,) str; version (M,)."""

    features: np.ndarray
    facts: np.ndarray
    label: np.ndarray
    source: np.ndarray
    person: np.ndarray
    side: np.ndarray
    version: np.ndarray


def face_rows(faces: FaceList, network: PooledLite0, work: Path) -> FaceRows:
    """All versions of all pictures. Features of each source are kept in `work` and made again only when pictures,
    versions or weights differ."""
    source = np.array([photo.source for photo in faces.photos])
    habits = _habits(faces)
    parts = []
    for name in sorted(set(source)):
        rows = np.flatnonzero(source == name)
        kept = _kept_features(faces, rows, habits, network, work / "generated-features" / f"{name}.npz")
        at = rows[kept["row"]]
        parts.append(
            FaceRows(
                kept["features"],
                kept["facts"],
                np.array([int(faces.photos[row].label == "fake") for row in at]),
                source[at],
                faces.group[at],
                faces.side[at],
                kept["version"],
            )
        )
    return FaceRows(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in FaceRows.__dataclass_fields__)
    )


def versions(
    path: Path, points: np.ndarray, habit: Habit | None, seed: Sequence[int]
) -> Iterator[tuple[int, Image.Image, FaceFrame]]:
    """Number, picture and face of each version. habit: that a collected picture adopts; None for a genuine set's own.

    points: (468, 2) pixels, the mesh in the file's picture.
    """
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    rng = np.random.default_rng(seed)
    if habit is not None:
        yield OWN_FILE, picture, frame_from_mesh(points, picture.size)
        picture, points = adopted(picture, points, habit, rng)
    frame = frame_from_mesh(points, picture.size)
    yield 0, picture, frame
    for number in range(1, VERSIONS):
        pixels, _ = degrade(np.asarray(picture), rng)
        yield number, _opened(saved(pixels, int(rng.integers(*QUALITY)))), frame


def habits_for(eyes: np.ndarray, habits: Sequence[Habit]) -> list[Habit]:
    """For each face of one generator the habit of the same rank by eye distance; where the face is smaller than that,
    the largest that it can be reduced to. A face smaller than all gets the smallest: it adopts its compression alone.

    eyes: (N,) own eye distances in pixels.
    """
    ordered = sorted(habits, key=lambda habit: habit.eyes)
    rank = (np.argsort(np.argsort(eyes, kind="stable")) + 0.5) / len(eyes)
    same = (rank * len(ordered)).astype(int)
    largest = np.searchsorted([habit.eyes for habit in ordered], eyes, side="right") - 1
    return [ordered[at] for at in np.maximum(0, np.minimum(same, largest)).tolist()]


def adopted(
    picture: Image.Image, points: np.ndarray, habit: Habit, rng: np.random.Generator
) -> tuple[Image.Image, np.ndarray]:
    """The picture reduced to the habit's eye distance (never enlarged) and saved as its file was; and its mesh."""
    eyes = frame_from_mesh(points, picture.size).eye_distance
    scale = min(1.0, habit.eyes / eyes)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    points = points * (np.array(size) / np.array(picture.size))
    small = picture.resize(size, FILTERS[int(rng.integers(len(FILTERS)))])
    coded = io.BytesIO()
    small.save(coded, "JPEG", qtables=habit.tables, subsampling=habit.sampling)
    return _opened(coded.getvalue()), points


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def _habits(faces: FaceList) -> list[Habit]:
    """Of the genuine training pictures of the general sets, as many of each set; others than JPEG files have none."""
    found: dict[str, list[Habit]] = {}
    for photo, points, side in zip(faces.photos, faces.points, faces.side, strict=True):
        if photo.label != "real" or photo.source == COLLECTION or side != "train":
            continue
        with Image.open(photo.path) as opened:
            if isinstance(opened, JpegImagePlugin.JpegImageFile):
                frame = frame_from_mesh(points, opened.size)
                habit = Habit(
                    frame.eye_distance,
                    {key: list(table) for key, table in opened.quantization.items()},
                    max(0, JpegImagePlugin.get_sampling(opened)),
                )
                found.setdefault(photo.source, []).append(habit)
    if not found:
        raise ValueError(
            "no genuine training picture is a JPEG file: generated faces cannot be saved in the same way"
        )
    most = max(map(len, found.values()))
    return [habits[number % len(habits)] for habits in found.values() for number in range(most)]


def _kept_features(
    faces: FaceList, rows: np.ndarray, habits: Sequence[Habit], network: PooledLite0, path: Path
) -> dict[str, np.ndarray]:
    wanted = _digest(faces, rows, habits, network)
    if path.exists():
        with np.load(path) as stored:
            if str(stored["wanted"]) == wanted:
                return {name: stored[name] for name in ("row", "version", "features", "facts")}
    found = _features(faces, rows, habits, network)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, wanted=np.array(wanted), **found)  # type: ignore[arg-type]
    part.replace(path)
    return found


def _features(
    faces: FaceList, rows: np.ndarray, habits: Sequence[Habit], network: PooledLite0
) -> dict[str, np.ndarray]:
    at, version, facts, features = [], [], [], []
    batch: list[np.ndarray] = []
    adoptable = _adoptable(faces, rows, habits)
    for number, row in enumerate(rows.tolist()):
        photo = faces.photos[row]
        seed = list(hashlib.sha256(photo.key.encode()).digest()[:8])
        for which, picture, frame in versions(photo.path, faces.points[row], adoptable.get(row), [*seed, 1]):
            if which == OWN_FILE and faces.side[row] == "train":
                continue
            at.append(number)
            version.append(which)
            facts.append(NO_FACTS if which == OWN_FILE else [*picture.size, *border_facts(picture)])
            batch.append(crop(picture, View(SIDE, FACE_EXTENT, frame=FACE), frame))
            if len(batch) == BATCH:
                features.append(_pooled(network, batch))
                batch = []
    if batch:
        features.append(_pooled(network, batch))
    return {
        "row": np.array(at),
        "version": np.array(version),
        "features": np.concatenate(features),
        "facts": np.array(facts, np.float64),
    }


def _adoptable(faces: FaceList, rows: np.ndarray, habits: Sequence[Habit]) -> dict[int, Habit]:
    """By row, the habits that the collected pictures adopt; those of each label are ranked on their own."""
    found: dict[int, Habit] = {}
    for label in ("real", "fake"):
        collected = [
            row
            for row in rows.tolist()
            if faces.photos[row].label == label
            and (label == "fake" or faces.photos[row].source == COLLECTION)
        ]
        eyes = np.array([_eyes(faces.photos[row].path, faces.points[row]) for row in collected])
        if collected:
            found.update(zip(collected, habits_for(eyes, habits), strict=True))
    return found


def _eyes(path: Path, points: np.ndarray) -> float:
    with Image.open(path) as opened:
        return frame_from_mesh(points, opened.size).eye_distance


def _pooled(network: PooledLite0, batch: Sequence[np.ndarray]) -> np.ndarray:
    """(B, F) float32 of crops (side, side, 3) uint8, at the precision that serving uses on this processor."""
    seen = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255
    cpu = torch.device("cpu")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(cpu)):
        return network.pooled(seen.contiguous(memory_format=torch.channels_last)).float().numpy()


def _digest(faces: FaceList, rows: np.ndarray, habits: Sequence[Habit], network: PooledLite0) -> str:
    total = hashlib.sha256(f"{RECIPE} {VERSIONS} {SIDE} {FACE_EXTENT} {faces.general} {faces.own}".encode())
    total.update(repr([faces.photos[row].key for row in rows]).encode())
    total.update(repr([(habit.eyes, habit.sampling) for habit in habits]).encode())
    for name, tensor in network.parts.state_dict().items():
        total.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return total.hexdigest()
