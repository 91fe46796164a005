"""What `make demo-loop` shows: real faces, forged ones, and a champion that was weakened on purpose."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from detection import bundle as bundles
from detection.ensemble import Ensemble
from detection.forensics.facemesh import FaceMesh
from detection.voting import shifted
from ml.sources import lfw
from ml.synthesis.forge import Recipe, swap
from ml.synthesis.measure import MIN_SCORE

HEADS = re.compile(r"^(backbone\.)?head\.fc\.|^(fine|coarse)\.1\.")
REGIONS = ("eyes", "nose", "mouth")
QUALITY = 92  # of every face, real or forged: compression must not tell them apart


@dataclass(frozen=True, slots=True)
class Face:
    path: Path
    person: str
    is_fake: bool


def faces(data: Path, out: Path, *, count: int, seed: int) -> list[Face]:
    """`count` faces of as many people, every second one forged: a region of another person's face pasted hard over it,
    in its own colours (ml.synthesis). All are saved alike. Raises SourceMissing."""
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    made: list[Face] = []
    donor: tuple[np.ndarray, np.ndarray] | None = None
    for person, picture, points in _found(data, rng):
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


def _found(data: Path, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """One upright face per person of LFW, in a drawn order."""
    mesh, seen = FaceMesh(), set()
    photos = lfw.read(data)
    for number in rng.permutation(len(photos)):
        photo = photos[number]
        if photo.identity in seen:
            continue
        seen.add(photo.identity)
        with Image.open(photo.path) as opened:
            picture = np.asarray(opened.convert("RGB"))
        points, score = mesh.points(picture)
        if score >= MIN_SCORE:
            yield photo.identity, picture, points


def weakened(
    baseline: Path, out: Path, *, noise: float, flags: float, on: Sequence[Face], seed: int = 0
) -> Path:
    """A copy of a bundle whose four heads have Gaussian noise on them, `noise` times their own spread.

    Its thresholds are then moved together on the logit scale until it flags the share `flags` of the faces `on`, so
    that people get enough to do.
    """
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(baseline, out)
    draw = torch.Generator().manual_seed(seed)
    served = bundles.read(baseline)
    for member in served.members:
        weights = {name: value.float() for name, value in load_file(out / member.file).items()}
        for name in filter(HEADS.search, weights):
            spread = float(weights[name].square().mean().sqrt())
            weights[name] += noise * spread * torch.randn(weights[name].shape, generator=draw)
        save_file(weights, out / member.file)
    same = _written(out, served, 0.0, noise)
    probability, thresholds = scores(out, on), [part.threshold for part in same.parts]
    steps = np.linspace(-10, 10, 401)
    flagged = [(probability >= [shifted(t, step) for t in thresholds]).any(1).mean() for step in steps]
    _written(out, served, float(steps[np.abs(np.array(flagged) - flags).argmin()]), noise)
    return out


def scores(bundle: Path, of: Sequence[Face]) -> np.ndarray:
    """(N, 5) probabilities of fake, by the serving code."""
    ensemble, found = Ensemble.load(bundle, device="cpu"), []
    for start in range(0, len(of), 32):
        images = [Image.open(face.path).convert("RGB") for face in of[start : start + 32]]
        found += [[vote.probability for vote in votes] for votes in ensemble.score(images)]
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
        provenance={"weakened_from": served.version, "noise_on_heads": noise, "thresholds_shifted_by": shift},
        metrics={},
    )
