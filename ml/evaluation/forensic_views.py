"""What each forensic view is worth: how well a simple score of it separates forged pictures from genuine ones.

A person sees more in a view than its score, and may see less. The figures say how much there is to see at all.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from detection.forensics import jpeg
from detection.forensics.copy_move import copies
from detection.forensics.ela import ela
from detection.forensics.jpeg_ghosts import ghosts
from detection.forensics.srm import srm
from ml.evaluation.metrics import Estimate, auc
from ml.sources import Photo, casia, read_all
from ml.splits import assign_sides

FORMAT = "kyc-review/view-worth/1"
TILE = 16  # pixels on a side over which a view's levels are averaged before parts are compared
PAIRED_SOURCES = ("scut", "portraits")
PAIR_QUALITY = (75, 97)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture's file, whether it is forged, and whose it is (a pair is one group)."""

    data: bytes
    is_forged: bool
    group: str


def level_score(data: bytes) -> float:
    """How far the brightest parts of the error levels stand out from the middle of the picture."""
    picture, own = _opened(data), jpeg.estimate(_table(data))[0]
    quality = next(q for q in (90, 95) if abs(q - own) > 2)
    return _stands_out(_tiles(ela(picture, quality=quality).max(2)))


def noise_score(data: bytes) -> float:
    """How uneven the noise is: the spread of its logarithm over the parts of the picture."""
    grain = _tiles(np.abs(srm(_opened(data)).mean(2)))
    return float(np.subtract(*np.quantile(np.log(grain + 0.05), (0.95, 0.05))))


def copy_score(data: bytes) -> float:
    """Pairs of equal blocks in the largest copied part."""
    return float(copies(_opened(data)).pairs)


def ghost_score(data: bytes) -> float:
    """How far the clearest ghosts stand out from the middle of the picture."""
    return ghosts(_opened(data), own_quality=jpeg.estimate(_table(data))[0]).contrast


SCORES: dict[str, Callable[[bytes], float]] = {
    "levels": level_score,
    "noise": noise_score,
    "copies": copy_score,
    "ghosts": ghost_score,
}


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _table(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.quantization[0])  # type: ignore[attr-defined]


def _tiles(values: np.ndarray) -> np.ndarray:
    """Means over TILE x TILE pixels, (N,) float; what is left at the right and lower border is dropped."""
    rows, columns = (side // TILE for side in values.shape)
    tiles = values[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    return np.asarray(tiles.mean((1, 3), dtype=np.float64).ravel())


def _stands_out(tiles: np.ndarray) -> float:
    return float(np.quantile(tiles, 0.98) / (np.median(tiles) + 1))


def measure(data: Path, *, each: int, advance: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """{kind of forgery: {view: Estimate of the AUC as a dict}} on pictures outside the test side, at most `each` of a
    class. Raises SourceMissing."""
    found: dict[str, Any] = {}
    for kind, samples in kinds(data, each):
        label = np.array([sample.is_forged for sample in samples], np.int64)
        group = np.array([sample.group for sample in samples])
        found[kind] = {}
        for view, score in SCORES.items():
            values = np.array([score(sample.data) for sample in samples])
            area = auc(label, values, group)
            found[kind][view] = area.as_dict()
            advance(row(kind, view, area))
    return found


def row(kind: str, view: str, area: Estimate) -> str:
    """A line of a Markdown table."""
    return f"| {kind} | {view} | {area.value:.2f} ({area.low:.2f} to {area.high:.2f}) | {area.n} |"


def kinds(data: Path, each: int) -> Iterator[tuple[str, list[Sample]]]:
    """The kinds of forgery, each with genuine pictures of the same source."""
    yield "edited_face", _of(_drawn(read_all(data, ("rff",)), each))
    scenes = casia.read(data / "casia1")
    genuine = [photo for photo in scenes if photo.label == "real"]
    for region in ("copy_move", "splice"):
        forged = [photo for photo in scenes if photo.regions == (region,)]
        yield f"scene_{region}", _of(_drawn(genuine + forged, each))
    yield "made_face", pairs(data, each)


def _drawn(photos: Sequence[Photo], each: int) -> list[Photo]:
    """At most `each` of a label that are not on the test side, by the order of a hash."""
    sides = assign_sides(photos, [photo.identity for photo in photos])
    left = sorted(
        (photo for photo in photos if sides[photo.key] != "test"),
        key=lambda photo: hashlib.sha256(photo.key.encode()).hexdigest(),
    )
    return [photo for label in ("real", "fake") for photo in [p for p in left if p.label == label][:each]]


def _of(photos: Sequence[Photo]) -> list[Sample]:
    return [Sample(photo.path.read_bytes(), photo.label == "fake", photo.identity) for photo in photos]


def pairs(data: Path, each: int) -> list[Sample]:
    """Portraits and forged versions of the same ones, which differ by the edit alone: both went through the same
    post-processing and one JPEG pass. Needs the extra `synthesis`."""
    from ml.synthesis.degradation import degrade
    from ml.synthesis.forged_rows import OWN, forge_photo, load_rgb, plan_forgeries
    from ml.synthesis.measure import measure_faces

    photos = _drawn(read_all(data, PAIRED_SOURCES), each)
    with tempfile.TemporaryDirectory() as folder:
        measures = measure_faces(photos, Path(folder) / "measures.npz", workers=1)
    groups = np.array([photo.key for photo in photos])
    jobs = plan_forgeries(photos, measures, groups, np.ones(len(photos), bool), rounds=1, seed=0)
    made: list[Sample] = []
    for job in (job for job in jobs if job.way != OWN):
        image = load_rgb(photos[job.index])
        for picture, is_forged in (
            (image, False),
            (forge_photo(photos, measures, job, image).image, True),
        ):
            rng = np.random.default_rng([job.seed, 1])  # equal for both of a pair
            treated, _ = degrade(picture, rng)
            buffer = io.BytesIO()
            Image.fromarray(treated).save(buffer, "JPEG", quality=int(rng.integers(*PAIR_QUALITY)))
            made.append(Sample(buffer.getvalue(), is_forged, photos[job.index].key))
    return made


def write(found: dict[str, Any], out: Path) -> None:
    """The figures for `detection.forensics.worth`, which the workbench prints in each view's header."""
    out.write_text(json.dumps({"format": FORMAT, "areas": found}, indent=1, sort_keys=True) + "\n")
