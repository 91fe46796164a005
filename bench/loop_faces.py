"""Material of `make demo-loop`: real faces, forged ones, and a champion that was weakened on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score

from bench.images import face_frames
from bench.loop_measure import suspicion
from detection import bundle as bundles
from detection.ensemble import Ensemble
from detection.faces.default import largest_mesh
from detection.forensics.compression_cells import cells_of_file
from detection.voting import shifted
from ml.sources import lfw
from ml.synthesis.forge import Recipe, swap
from ml.synthesis.measure import MIN_SCORE

REGIONS = ("eyes", "nose", "mouth")
QUALITY = 92  # of every face, real or forged: compression must not distinguish them
# People of LFW who were in no training set of baseline-3 (its split's test, validation and stack sides) and
# in no trial of this demonstration.
HELD_OUT = frozenset(Path(__file__).with_name("loop_held_out.txt").read_text().split())
NOISES = [round(0.1 + 0.05 * step, 2) for step in range(19)]  # relative to the spread of each matrix


@dataclass(frozen=True, slots=True)
class Face:
    path: Path
    person: str
    is_fake: bool


def faces(data: Path, out: Path, *, count: int, seed: int, held_out: bool = False) -> list[Face]:
    """`count` faces of as many people, every second one forged: a region of another person's face pasted hard over it,
    in its own colours (ml.synthesis). All are saved in the same way. They are the people of HELD_OUT, or all
    others. Raises SourceMissing."""
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    made: list[Face] = []
    donor: tuple[np.ndarray, np.ndarray] | None = None
    for person, picture, points in _found(data, rng, held_out):
        is_fake = len(made) % 2 == 1 and donor is not None
        if is_fake:
            assert donor is not None
            recipe = Recipe(
                region=str(rng.choice(REGIONS)), seam="hard", grow=float(rng.uniform(1.2, 1.5)), colour=0.0
            )
            try:
                forged = swap(picture, points, *donor, recipe).image
            except ValueError:
                continue
            donor, picture = (picture, points), forged
        else:
            donor = (picture, points)
        path = out / f"{len(made):04d}.jpg"
        Image.fromarray(picture).save(path, "JPEG", quality=QUALITY)
        made.append(Face(path, person, is_fake))
        if len(made) == count:
            break
    return made


def _found(
    data: Path, rng: np.random.Generator, held_out: bool
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """One upright face per person of LFW, in a drawn order."""
    seen: set[str] = set()
    photos = [photo for photo in lfw.read(data) if (photo.identity in HELD_OUT) == held_out]
    for number in rng.permutation(len(photos)):
        photo = photos[number]
        if photo.identity in seen:
            continue
        seen.add(photo.identity)
        with Image.open(photo.path) as opened:
            picture = opened.convert("RGB")
        found = largest_mesh(picture)
        if found is not None and found[1] >= MIN_SCORE:
            yield photo.identity, np.asarray(picture), found[0]


def weakened(
    baseline: Path, out: Path, *, auc: float, flags: float, on: Sequence[Face], seed: int = 0
) -> tuple[Path, float, float]:
    """A copy of a bundle with Gaussian noise on all kernels and matrices of its four members: the least of NOISES, in
    units of each one's own spread, with which it ranks the faces `on` no better than `auc`; that noise, and how well it
    ranks them then.

    Its thresholds are then moved together on the logit scale until it flags the share `flags` of the same
    faces, so that enough items reach people.
    """
    served, fake = bundles.read(baseline), [face.is_fake for face in on]
    for noise in NOISES:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(baseline, out)
        _disturb(out, served, noise, seed)
        same = _written(out, served, 0.0, noise)
        probability, thresholds = scores(out, on), [part.threshold for part in same.parts]
        ranks = float(roc_auc_score(fake, suspicion(probability, np.array(thresholds))))
        if ranks <= auc:
            break
    steps = np.linspace(-10, 10, 401)
    flagged = [(probability >= [shifted(t, step) for t in thresholds]).any(1).mean() for step in steps]
    _written(out, served, float(steps[np.abs(np.array(flagged) - flags).argmin()]), noise)
    return out, noise, ranks


def _disturb(folder: Path, served: bundles.Bundle, noise: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    for member in served.members:
        weights = {name: value.float() for name, value in load_file(folder / member.file).items()}
        for weight in weights.values():
            if weight.ndim > 1:
                spread = float(weight.square().mean().sqrt())
                weight += noise * spread * torch.randn(weight.shape, generator=draw)
        save_file(weights, folder / member.file)


def scores(bundle: Path, of: Sequence[Face]) -> np.ndarray:
    """(N, 5) probabilities of fake, by the serving code."""
    ensemble, found = Ensemble.load(bundle, device="cpu"), []
    for start in range(0, len(of), 32):
        images = [Image.open(face.path).convert("RGB") for face in of[start : start + 32]]
        frames = face_frames(images, ensemble.bundle)
        files = [Path(face.path).read_bytes() for face in of[start : start + 32]]
        cells = [cells_of_file(*each) for each in zip(files, images, frames, strict=True)]
        found += [[vote.probability for vote in votes] for votes in ensemble.score(images, frames, cells)]
    return np.array(found)


def _written(out: Path, served: bundles.Bundle, shift: float, noise: float) -> bundles.Bundle:
    def moved(part: bundles.Member | bundles.Stack) -> float:
        return min(0.999, max(0.001, shifted(part.threshold, shift)))

    return bundles.write(
        out,
        version=f"{served.version}-weakened",
        created_at=served.created_at,
        members=[replace(member, sha256="", threshold=moved(member)) for member in served.members],
        stack=replace(served.stack, sha256="", threshold=moved(served.stack)),
        provenance={
            "weakened_from": served.version,
            "noise_on_weights": noise,
            "thresholds_shifted_by": shift,
        },
        metrics={},
    )
