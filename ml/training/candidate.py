"""`python -m ml train`: a candidate bundle from reviewers' decisions, fine-tuned from a bundle that serves."""

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from detection import bundle as bundles
from detection.bundle import Bundle as ShippedBundle
from detection.bundle import Member, View
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from detection.networks.stacking import Stacking
from detection.preprocess import crop
from ml import splits
from ml.bank import FULL, MASK, STORED, Bank
from ml.sources import Photo
from ml.sources import manifest as snapshots
from ml.training.batches import PairSampler
from ml.training.finish import Side, finish
from ml.training.loop import Plan, auc_of, fit, logits_of
from ml.training.pack import Voter, save_weights
from ml.training.progress import Progress
from ml.training.ranks import ALONE, Ranks, device
from ml.training.start import start_from_scratch

SIDES = (("test", 0.2), ("validation", 0.2), ("stack", 0.2), ("train", 0.4))
SIDES_BESIDE_HOLDOUT = (("validation", 0.25), ("stack", 0.25), ("train", 0.5))
LEAST = 20  # decisions of each label: a fifth of them is four, the least that gives a side both classes
MISS = 0.1
BATCH = 32
REPORTS = 10  # of each member, with the area on validation


class TooFewDecisions(ValueError):
    """The snapshot is too small to train and measure on; the text says how many are needed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a candidate is to be trained. epochs: passes over the training side; miss: the share of fakes that the
    thresholds may miss on validation; scratch: the champion's architectures, but not its weights."""

    epochs: int = 3
    seed: int = 0
    miss: float = MISS
    scratch: bool = False


def train(
    manifest: Path,
    out: Path,
    *,
    init: Path,
    wish: Wish = Wish(),
    work: Path | None = None,
    crew: Ranks = ALONE,
) -> ShippedBundle | None:
    """Fine-tunes every member of `init` on a snapshot's decisions and writes a candidate to `out`.

    People are split before anything else; what is reported was measured on people that no part was fitted to. With
    `work`, progress goes to its progress.jsonl, and members that a killed run finished there are taken from it. Of
    several processes, which need the same `work`, each trains members of its own; the first writes the bundle, the
    others return None. Raises TooFewDecisions, SourceMissing, BundleRefused, ValueError.
    """
    if crew.count > 1 and work is None:
        raise ValueError("several processes need a folder to leave their members in: name one with --work")
    photos = snapshots.read(manifest)
    require_enough(photos)
    served = bundles.read(init)
    sides = split(photos, wish.seed)
    counts = {name: _counts(side.bank.label) for name, side in sides.items()}
    provenance = {
        "trained_from": served.version,
        "trained_from_digest": served.digest,
        "snapshot_sha256": hashlib.sha256(_manifest_file(manifest).read_bytes()).hexdigest(),
        "decisions": counts,
        **asdict(wish),
    }
    with nullcontext(work) if work else TemporaryDirectory(prefix="ml-train-") as folder:
        members = Path(folder) / "members"
        if crew.is_first:
            _resume_or_begin(Path(folder), provenance)
        crew.together()
        told = Path(folder) / "progress.jsonl" if work else None
        _train_members(served, sides, wish, members, told, crew)
        if not crew.is_first:
            return None
        voters = [_voter(member, load_file(_kept(members, member))) for member in served.members]
    stack = Stacking(len(voters))
    if not wish.scratch:
        stack.load_state_dict(load_file(served.path / served.stack.file))
    version = f"candidate-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
    return finish(
        out,
        voters,
        stack_side=sides["stack"],
        validation=sides["validation"],
        test=sides["test"],
        miss=wish.miss,
        version=version,
        provenance=provenance,
        card=_card(version, served, counts, wish),
        start=None if wish.scratch else stack,
    )


def _resume_or_begin(work: Path, provenance: dict[str, object]) -> None:
    """Keep what lies in `work` only when it was made by the very same run."""
    wish = work / "wish.json"
    text = json.dumps(provenance, sort_keys=True)
    if not wish.is_file() or wish.read_text() != text:
        shutil.rmtree(work / "members", ignore_errors=True)
    (work / "members").mkdir(parents=True, exist_ok=True)
    wish.write_text(text)


def _train_members(
    served: ShippedBundle, sides: dict[str, Side], wish: Wish, kept: Path, told: Path | None, crew: Ranks
) -> None:
    """Leave every member of this process in the folder `kept`; what an earlier process left there stays."""
    steps = wish.epochs * max(1, len(sides["train"].bank.label) // BATCH)
    mine = crew.mine(list(enumerate(served.members)))
    finished = sum(_kept(kept, member).is_file() for _, member in mine)
    progress = Progress(
        told,
        of=steps * len(served.members),
        mine=steps * len(mine),
        done=steps * finished,
        rank=crew.rank,
        ranks=crew.count,
    )
    for number, member in mine:
        file = _kept(kept, member)
        if not file.is_file():
            voter = _fine_tuned(served, number, sides, wish, steps, progress)
            save_weights(voter.network, file.with_suffix(".part"), half=False)
            file.with_suffix(".part").replace(file)  # whole or not at all
    crew.together()
    if crew.is_first:
        progress.tell(phase="finish")


def _kept(members: Path, member: Member) -> Path:
    return members / f"{member.name}.safetensors"


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
    """Sides by applicant. An applicant's submissions stay together; no hash is needed, applicants are named.

    A snapshot's hold-out is the test side; an older one without has a fifth drawn for it.
    """
    groups = np.array([f"{p.source}/{p.identity}" for p in photos])
    held_out = np.array([p.holdout for p in photos])
    sides = SIDES_BESIDE_HOLDOUT if held_out.any() else SIDES
    rest = [p for p in photos if not p.holdout]
    side_of = splits.assign(rest, groups[~held_out].tolist(), seed=f"candidate:{seed}", sides=sides)
    of = np.array(["test" if p.holdout else side_of[p.key] for p in photos])
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
        strength=np.zeros(count, np.float32),
        post=np.array(["none"] * count),
    )


def _voter(member: Member, weights: dict[str, torch.Tensor] | None = None) -> Voter:
    """A member with these weights, on this process's device; without any, as it begins from scratch."""
    if abs(member.view.extent - member.view.side / FULL) > 0.01 or member.view.side > STORED:
        raise ValueError(
            f"{member.name} looks at another scale than training makes: retrain it with `ml baseline`"
        )
    network = convnext(member.architecture, **member.arguments)
    if weights is None:
        start_from_scratch(network)
    else:
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return Voter(member.name, member.architecture, member.arguments, network.to(device()).eval(), member.view)


def _fine_tuned(
    served: ShippedBundle, number: int, sides: dict[str, Side], wish: Wish, steps: int, progress: Progress
) -> Voter:
    member, side, validation = served.members[number], sides["train"], sides["validation"]
    torch.manual_seed(wish.seed + number)
    voter = _voter(member, None if wish.scratch else load_file(served.path / member.file))
    if not steps:
        return voter
    plan = Plan(
        steps=steps,
        side=member.view.side,
        batch=BATCH,
        rate=2e-3 if wish.scratch else 1e-4,
        warmup=max(1, steps // 10),
        average=0.9,
        seed=wish.seed + number,
        report_every=max(1, steps // REPORTS),
        compiled=False,
    )
    told = 0

    def report(step: int, loss: float, average: WithMaskHead) -> None:
        nonlocal told
        auc = auc_of(logits_of(average.network, validation.bank, plan.side), validation.bank.label)
        progress.step(step - told, member=member.name, loss=round(loss, 4), auc=round(auc, 4))
        told = step

    sampler = PairSampler(side.bank, side.source, seed=plan.seed)
    network = fit(WithMaskHead(voter.network), sampler, plan, report=report).network
    return Voter(voter.name, voter.architecture, voter.arguments, network.eval(), voter.view)


def _counts(label: np.ndarray) -> dict[str, int]:
    return {"real": int((label == 0).sum()), "fake": int((label == 1).sum())}


def _manifest_file(manifest: Path) -> Path:
    return manifest / "manifest.json" if manifest.is_dir() else manifest


def _card(version: str, served: ShippedBundle, counts: dict[str, dict[str, int]], wish: Wish) -> str:
    rows = "\n".join(f"| {side} | {n['real']} | {n['fake']} |" for side, n in counts.items())
    begun = f"Trained for {wish.epochs} epochs from scratch, with the architectures of {served.version},"
    if not wish.scratch:
        begun = f"Fine-tuned for {wish.epochs} epochs from {served.version}"
    return f"""# {version}

{begun} on reviewers' decisions, split by applicant.

| side | real | fake |
|---|---|---|
{rows}

The stack and the temperatures were fitted on `stack`, thresholds chosen on `validation`, and `test` was measured once;
the numbers with their intervals are in `manifest.json`. Labels are reviewers' decisions and err as reviewers do; only
flagged submissions have labels, so these people are not a sample of all applicants.
"""
