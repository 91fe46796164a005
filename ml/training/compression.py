"""What the auxiliary model *Compression of the face* learns from, and how: edited pictures that were saved again.

A genuine picture occurs twice: as its file is, and saved again by the same steps as its forged version, so that saving
alone is no sign. In half of the rounds a photograph is first made a camera's file of any quality, because the files of
the face sets have few different compressions.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import CELLS, GRID, compression_cells, file_grid
from detection.networks.compression_cells import CompressionCells
from ml.sources import Photo
from ml.synthesis.degradation import saved
from ml.synthesis.forged_rows import OWN, ForgeryJob, forge_photo, load_rgb, plan_forgeries
from ml.synthesis.measure import MIN_SCORE, Measures
from ml.synthesis.pictures import saved_like_partner
from ml.synthesis.whole_changes import UNCHANGED
from ml.training.preparation import WAYS, Prepared

RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners in the mesh
CAMERA_QUALITY, CAMERA_SCALE = (60, 99), (0.6, 1.0)
AS_FILE, CAMERA = "file", "camera"
EPOCHS, BATCH, RATE, DECAY = 12, 128, 2e-3, 0.02
WIDTH, SMOOTHING = 96, 0.02


@dataclass(frozen=True, slots=True)
class CompressionRows:
    """N pictures: cells (N, cells, values) float16 of `compression_cells`; label and made (N,) 0 or 1; kind, post,
    change, source and group (N,) str; post is AS_FILE or CAMERA where a file is as it came, change is what was done to
    the whole of it. A pair has one number in `job`."""

    cells: np.ndarray
    label: np.ndarray
    made: np.ndarray
    kind: np.ndarray
    post: np.ndarray
    change: np.ndarray
    source: np.ndarray
    group: np.ndarray
    job: np.ndarray

    @property
    def genuine_files(self) -> np.ndarray:
        """(N,) bool: genuine pictures as their files came."""
        return (self.label == 0) & np.isin(self.post, (AS_FILE, CAMERA))

    @property
    def saved_again(self) -> np.ndarray:
        """(N,) bool: genuine pictures that were saved again as their forged versions were."""
        return (self.label == 0) & ~np.isin(self.post, (AS_FILE, CAMERA))


def concatenated(parts: Sequence[CompressionRows]) -> CompressionRows:
    """The rows of all parts in order."""
    names = [field.name for field in dataclasses.fields(CompressionRows)]
    return CompressionRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


_Row = tuple[np.ndarray, int, int, str, str, str, str, str, int]


def compression_rows(
    prepared: Prepared, side: str, *, seed: int, camera: bool = False, workers: int = 2
) -> CompressionRows:
    """One round over a side of the split. camera: each photograph is made a camera's file first.

    Pictures in which the face has too few blocks, and those that are no JPEG, are left out.
    """
    chosen = prepared.side == side
    planned = plan_forgeries(
        prepared.photos, prepared.measures, prepared.group, chosen, rounds=1, seed=seed, ways=WAYS
    )
    jobs = [job for job in planned if job.way != OWN]
    if not camera:
        seen = np.flatnonzero(chosen & (prepared.measures.score >= MIN_SCORE)).tolist()
        jobs += [ForgeryJob(index, -1, OWN, 1.0, 0, False) for index in seen]
    rows: list[_Row] = []
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(prepared,)) as pool:
        for found in pool.map(partial(_rows_of, camera=camera), enumerate(jobs), chunksize=16):
            rows += found
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return CompressionRows(*columns)


_prepared: Prepared | None = None


def _begin(prepared: Prepared) -> None:
    global _prepared
    _prepared = prepared
    torch.set_num_threads(1)


def _rows_of(numbered: tuple[int, ForgeryJob], *, camera: bool) -> list[_Row]:
    assert _prepared is not None
    number, job = numbered
    photo, group = _prepared.photos[job.index], str(_prepared.group[job.index])
    found: list[_Row] = []
    for version in versions(_prepared.photos, _prepared.measures, job, camera=camera):
        cells = cells_of(version)
        if cells is not None:
            told = (version.label, version.made, version.kind, version.post, version.change)
            found.append((cells.astype(np.float16), *told, photo.source, group, number))
    return found


@dataclass(frozen=True, slots=True)
class Version:
    """One file of a job. points: (468, 2) of the face's mesh in it; label: 1 is fake; made: forged here; kind: of the
    edit; post and change: as in CompressionRows."""

    data: bytes
    points: np.ndarray
    label: int
    made: int
    kind: str
    post: str
    change: str


def versions(
    photos: Sequence[Photo], measures: Measures, job: ForgeryJob, *, camera: bool
) -> Iterator[Version]:
    """The files of a job: a photograph as it is (OWN), or a genuine and a forged version of it; camera: as a camera's
    file that is made first, and these two."""
    rows = [job.index] if job.donor < 0 else [job.index, job.donor]
    pair, near = [photos[row] for row in rows], measures.of(rows)
    points = near.points[0]
    if job.way == OWN:
        data, label = Path(pair[0].path).read_bytes(), int(pair[0].label == "fake")
        yield Version(data, points, label, 0, "source", AS_FILE, UNCHANGED)
        return
    image = load_rgb(pair[0])
    if camera:
        rng = np.random.default_rng([job.seed, 2])
        scale = float(rng.uniform(*CAMERA_SCALE))
        small = Image.fromarray(image).resize(
            (round(image.shape[1] * scale), round(image.shape[0] * scale)), Image.Resampling.BOX
        )
        points *= (small.width / image.shape[1], small.height / image.shape[0])
        data = saved(np.asarray(small), int(rng.integers(*CAMERA_QUALITY)))
        yield Version(data, points, 0, 0, "real", CAMERA, UNCHANGED)
        image = np.asarray(Image.open(io.BytesIO(data)))
    forged = forge_photo(pair, near, dataclasses.replace(job, index=0, donor=1), image)
    for made, pixels in ((0, image), (1, forged.image)):
        data, post, change = saved_like_partner(pixels, job.seed)
        yield Version(data, points, made, made, forged.kind if made else "real", post, change)


def cells_of(version: Version) -> np.ndarray | None:
    """`compression_cells` of its face; None for a face of too few blocks and for a file that is no JPEG."""
    with Image.open(io.BytesIO(version.data)) as opened:
        picture = opened.convert("RGB")
    right, left = version.points[RIGHT_EYE], version.points[LEFT_EYE]
    frame = FaceFrame((float(right[0]), float(right[1])), (float(left[0]), float(left[1])), *picture.size)
    grid = file_grid(version.data, picture.size)
    return compression_cells(picture, frame, grid) if grid else None


def fit(rows: CompressionRows, *, seed: int = 0, epochs: int = EPOCHS) -> CompressionCells:
    """A network that tells edited from genuine pictures. Fakes that a face set brings are not learned from."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    cells, label = torch.from_numpy(rows.cells), torch.from_numpy(rows.label.astype(np.int64))
    used = np.flatnonzero((rows.made == 1) | (rows.label == 0))
    network = CompressionCells(rows.cells.shape[2], WIDTH)
    sample = cells[rng.choice(used, min(4000, len(used)), replace=False)].float()
    network.adopt_scale(sample)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    steps = epochs * (len(used) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    network.train()
    for _ in range(epochs):
        order = rng.permutation(used)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            seen = _mirrored(cells[chosen].float(), rng)
            loss = nn.functional.cross_entropy(network(seen), label[chosen], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _mirrored(cells: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Half of the faces with their parts mirrored; the histograms of a part stay."""
    mirror = torch.cat(
        [torch.arange(GRID * GRID).reshape(GRID, GRID).flip(1).flatten(), torch.arange(GRID * GRID, CELLS)]
    )
    chosen = torch.from_numpy(rng.random(len(cells)) < 0.5)
    return torch.where(chosen[:, None, None], cells[:, mirror], cells)


def scores(network: CompressionCells, rows: CompressionRows) -> np.ndarray:
    """(N,) float64 probabilities of *fake*."""
    with torch.inference_mode():
        parts = [
            torch.softmax(network(torch.from_numpy(rows.cells[start : start + 1000]).float()), 1)[:, 1]
            for start in range(0, len(rows.cells), 1000)
        ]
    return torch.cat(parts).double().numpy()
