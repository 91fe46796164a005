"""`python -m ml train`: a candidate bundle from reviewers' decisions, fine-tuned from a bundle that serves."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.torch import load_file

from detection import bundle as bundles
from detection.bundle import Bundle as ShippedBundle
from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from detection.preprocess import crop
from ml import splits
from ml.bank import FULL, MASK, STORED, Bank
from ml.sources import Photo
from ml.sources import manifest as snapshots
from ml.training.batches import PairSampler
from ml.training.finish import Side, finish
from ml.training.loop import Plan, WithMaskHead, fit
from ml.training.pack import Voter

SIDES = (("test", 0.2), ("validation", 0.2), ("stack", 0.2), ("train", 0.4))
LEAST = 20  # decisions of each label: a fifth of them is four, the least that gives a side both classes
MISS = 0.1
BATCH = 32


class TooFewDecisions(ValueError):
    """The snapshot is too small to train and measure on; the text says how many are needed."""


def train(
    manifest: Path, out: Path, *, init: Path, epochs: int = 3, seed: int = 0, miss: float = MISS
) -> ShippedBundle:
    """Fine-tunes every member of `init` on a snapshot's decisions and writes a candidate to `out`.

    People are split before anything else; what is reported was measured on people that no part was fitted to. Raises
    TooFewDecisions, SourceMissing, BundleRefused.
    """
    photos = snapshots.read(manifest)
    require_enough(photos)
    served = bundles.read(init)
    sides = split(photos, seed)
    voters = [
        _fine_tuned(served, k, sides["train"], epochs=epochs, seed=seed + k)
        for k in range(len(served.members))
    ]
    stack = Stacking(len(voters))
    stack.load_state_dict(load_file(served.path / served.stack.file))
    counts = {name: _counts(side.bank.label) for name, side in sides.items()}
    provenance = {
        "trained_from": served.version,
        "trained_from_digest": served.digest,
        "snapshot_sha256": hashlib.sha256(_manifest_file(manifest).read_bytes()).hexdigest(),
        "decisions": counts,
        "epochs": epochs,
        "seed": seed,
    }
    version = f"candidate-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
    return finish(
        out,
        voters,
        stack_side=sides["stack"],
        validation=sides["validation"],
        test=sides["test"],
        miss=miss,
        version=version,
        provenance=provenance,
        card=_card(version, served, counts, epochs),
        start=stack,
    )


def require_enough(photos: Sequence[Photo], least: int = LEAST) -> None:
    """TooFewDecisions unless both labels have `least` different people."""
    for label in ("real", "fake"):
        people = len({p.identity for p in photos if p.label == label})
        if people < least:
            raise TooFewDecisions(
                f"the snapshot has decisions of {people} applicants labelled {label}: at least {least} of each label "
                f"are needed to train, choose thresholds and measure on different people; decide "
                f"{least - people} more"
            )


def split(photos: Sequence[Photo], seed: int) -> dict[str, Side]:
    """Sides by applicant. An applicant's submissions stay together; no hash is needed, applicants are named."""
    groups = np.array([f"{p.source}/{p.identity}" for p in photos])
    side_of = splits.assign(photos, groups.tolist(), seed=f"candidate:{seed}", sides=SIDES)
    of = np.array([side_of[p.key] for p in photos])
    source = np.array([p.source for p in photos])
    made = {}
    for name, _ in SIDES:
        rows = np.flatnonzero(of == name).tolist()
        labels = {photos[i].label for i in rows}
        if labels != {"real", "fake"}:
            raise TooFewDecisions(
                f"the {name} side holds only {', '.join(sorted(labels)) or 'no'} decisions: add more of both labels"
            )
        made[name] = Side(_bank([photos[i] for i in rows]), source[rows], groups[rows])
    return made


def _bank(photos: Sequence[Photo]) -> Bank:
    """Decisions framed as serving frames them; no masks, for nobody drew any."""
    count = len(photos)
    images = np.empty((count, STORED, STORED, 3), np.uint8)
    for row, photo in enumerate(photos):
        with Image.open(photo.path) as opened:
            images[row] = crop(opened.convert("RGB"), View(STORED, STORED / FULL))
    return Bank(
        images=images,
        masks=np.zeros((count, MASK, MASK), np.uint8),
        label=np.array([p.label == "fake" for p in photos], np.float32),
        made=np.zeros(count, bool),
        index=np.arange(count),
        kind=np.array(["decision"] * count),
        masked=np.zeros(count, bool),
        difficulty=np.ones(count, np.float32),
    )


def _fine_tuned(served: ShippedBundle, number: int, side: Side, *, epochs: int, seed: int) -> Voter:
    member = served.members[number]
    if abs(member.view.extent - member.view.side / FULL) > 0.01 or member.view.side > STORED:
        raise ValueError(
            f"{member.name} looks at another scale than training makes: retrain it with `ml baseline`"
        )
    network = convnext(member.architecture, **member.arguments)
    network.load_state_dict({k: v.float() for k, v in load_file(served.path / member.file).items()})
    if epochs:
        steps = max(1, epochs * len(side.bank.label) // BATCH)
        plan = Plan(
            steps=steps,
            side=member.view.side,
            batch=BATCH,
            rate=1e-4,
            warmup=max(1, steps // 10),
            average=0.9,
            seed=seed,
            compiled=False,
        )
        network = fit(WithMaskHead(network), PairSampler(side.bank, side.source, seed=seed), plan).network
    return Voter(member.name, member.architecture, member.arguments, network.eval(), member.view)


def _counts(label: np.ndarray) -> dict[str, int]:
    return {"real": int((label == 0).sum()), "fake": int((label == 1).sum())}


def _manifest_file(manifest: Path) -> Path:
    return manifest / "manifest.json" if manifest.is_dir() else manifest


def _card(version: str, served: ShippedBundle, counts: dict[str, dict[str, int]], epochs: int) -> str:
    rows = "\n".join(f"| {side} | {n['real']} | {n['fake']} |" for side, n in counts.items())
    return f"""# {version}

Fine-tuned for {epochs} epochs from {served.version} on reviewers' decisions, split by applicant.

| side | real | fake |
|---|---|---|
{rows}

The stack and the temperatures were fitted on `stack`, thresholds chosen on `validation`, and `test` was measured once;
the numbers with their intervals are in `manifest.json`. Labels are reviewers' decisions and err as reviewers do; only
flagged submissions have labels, so these people are not a sample of all applicants.
"""
