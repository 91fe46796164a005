"""`python -m ml train`: a candidate bundle from reviewers' decisions, fine-tuned from a bundle that serves."""

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import nn

from detection import bundle as bundles
from detection.bundle import Bundle as ShippedBundle
from detection.ensemble import Ensemble, stack_input
from ml.balancing import balance_names, balance_of
from ml.inverse_probability import InverseProbabilityWeights
from ml.sources import Photo
from ml.sources import manifest as snapshots
from ml.training.bundle_votes import stack_of
from ml.training.bundle_writer import PackedInput
from ml.training.calibrate import SplitSides, calibrate_and_write
from ml.training.candidate_members import CandidateOptions, member_file, train_members, voter_of
from ml.training.card import card
from ml.training.decisions import class_counts, require_enough, split_decisions
from ml.training.distributed import SINGLE_PROCESS, Processes, local_device
from ml.training.faces import FoundFace, FramedFaces, found_faces, frames_of
from ml.training.operating_point import PreviousOperatingPoint, ThresholdRule
from ml.training.sides import SplitSide
from ml.training.stacking import CANDIDATE_PULL, PULL

DEFAULT_OPTIONS = CandidateOptions()


def train_candidate(
    manifest: Path,
    out: Path,
    *,
    init: Path,
    options: CandidateOptions = DEFAULT_OPTIONS,
    work: Path | None = None,
    processes: Processes = SINGLE_PROCESS,
) -> ShippedBundle | None:
    """Fine-tunes every member of `init` on a snapshot's decisions and writes a candidate to `out`.

    People are split before anything else; what is reported was measured on people that no part was fitted to. With
    `work`, progress goes to its progress.jsonl, and members that a killed run finished there are taken from it. Of
    several processes, which need the same `work`, each trains members of its own; the first writes the bundle, the
    others return None. Raises TooFewDecisions, NoSpace, SourceMissing, BundleRefused, ValueError.
    """
    if processes.count > 1 and work is None:
        raise ValueError("several processes need a folder to leave their members in: name one with --work")
    photos = snapshots.read(manifest)
    decided = len(photos)
    served = bundles.read(init)
    ways = balance_names(options.balance, len(served.members))
    network = stack_input(served)
    photos, found = _with_faces(photos, network) if served.sees_faces else (photos, [])
    require_enough(photos)
    frames = frames_of(member.view for member in served.members)
    faces = FramedFaces([photo.path for photo in photos], frames, [face.place for face in found])
    traces = np.stack([face.traces for face in found]) if network else None
    weight_max = options.weight_max if options.weigh else None
    sides = split_decisions(photos, faces, options.seed, weight_max, traces=traces)
    provenance = _provenance(manifest, served, sides, options, ways=ways, without_face=decided - len(photos))
    with nullcontext(work) if work else TemporaryDirectory(prefix="ml-train-") as name:
        folder = Path(name)
        if processes.is_first:
            _resume_or_begin(folder, provenance)
        processes.wait_for_all()
        told = folder / "progress.jsonl" if work else None
        with faces.kept_in(folder, processes):
            train_members(served, sides, options, folder / "members", told, processes)
            if not processes.is_first:
                return None
            return _calibrated(out, served, sides, options, provenance, folder / "members")


def _provenance(
    manifest: Path,
    served: ShippedBundle,
    sides: dict[str, SplitSide],
    options: CandidateOptions,
    *,
    ways: Sequence[str],
    without_face: int,
) -> dict[str, Any]:
    """What the candidate is made from and how. ways: of balancing, for each voter."""
    counts = {name: class_counts(side.examples.label) for name, side in sides.items()}
    voters = [(member.name, way) for member, way in zip(served.members, ways, strict=True)]
    return {
        "trained_from": served.version,
        "trained_from_digest": served.digest,
        "snapshot_sha256": hashlib.sha256(_manifest_file(manifest).read_bytes()).hexdigest(),
        "decisions": counts,
        "decisions_without_face": without_face,
        **asdict(options),
        "balance": dict(voters),
        "balanced": [
            {"voter": name, "way": way, **asdict(balance_of(way, **counts["train"]))} for name, way in voters
        ],
        "weights": _weights_report(sides["train"].weights, options),
    }


def _with_faces(photos: Sequence[Photo], network: nn.Module | None) -> tuple[list[Photo], list[FoundFace]]:
    """The photographs in which a face is found, and that: a bundle that looks at faces votes on no others."""
    found = zip(photos, found_faces([photo.path for photo in photos], network), strict=True)
    seen = [(photo, face) for photo, face in found if face is not None]
    return [photo for photo, _ in seen], [face for _, face in seen]


def _calibrated(
    out: Path,
    served: ShippedBundle,
    sides: dict[str, SplitSide],
    options: CandidateOptions,
    provenance: dict[str, Any],
    members: Path,
) -> ShippedBundle:
    """The candidate of the members that lie in a folder."""
    voters = [voter_of(member, load_file(member_file(members, member))) for member in served.members]
    champion = Ensemble(served, local_device())
    version = f"candidate-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
    return calibrate_and_write(
        out,
        voters,
        SplitSides(sides["stack"], sides["validation"], sides["test"]),
        ThresholdRule(options.miss),
        version=version,
        provenance=provenance,
        card=card(version, served, provenance),
        start=None if options.scratch else stack_of(served),
        pull=PULL if options.scratch else CANDIDATE_PULL,
        before=None if options.scratch else PreviousOperatingPoint.of(champion, options.init_shift),
        champion=champion,
        stack_input=PackedInput.of(served.path, served.stack_input),
    )


def _resume_or_begin(work: Path, provenance: dict[str, object]) -> None:
    """Keep what lies in `work` only when it was made by the very same run."""
    options = work / "options.json"
    text = json.dumps(provenance, sort_keys=True)
    if not options.is_file() or options.read_text() != text:
        shutil.rmtree(work / "members", ignore_errors=True)
    (work / "members").mkdir(parents=True, exist_ok=True)
    options.write_text(text)


def _weights_report(
    weights: InverseProbabilityWeights | None, options: CandidateOptions
) -> dict[str, Any] | None:
    """What the weights of the training side are, and what they leave of it; None when all rows count equally."""
    if weights is None:
        return None
    return {
        "method": "one over the chance of being labelled (Horvitz and Thompson, 1952), truncated, mean 1 per label",
        "truncated_at": options.weight_max,
        "truncated": weights.truncated,
        "effective_size": weights.effective,
    }


def _manifest_file(manifest: Path) -> Path:
    return manifest / "manifest.json" if manifest.is_dir() else manifest
