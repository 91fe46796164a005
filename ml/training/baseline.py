"""`python -m ml baseline`: from the face sets to the bundle that ships, in one command.

Split by person, measure faces, make the banks, train one trunk, let four voters diverge from it, then finish on
held-back people. Everything slow is cached in `work`, outside the repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from detection.bundle import Bundle as ShippedBundle
from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from ml import splits
from ml.bank import FULL, Bank
from ml.sources import Photo, read_all
from ml.synthesis.bank import make, plan
from ml.synthesis.measure import Measures, measure
from ml.training.batches import PairSampler
from ml.training.finish import Side, finish
from ml.training.loop import Plan, fit
from ml.training.pack import Voter
from ml.training.stacking import lift
from ml.training.start import ARCHITECTURE, ARGUMENTS, start_from_scratch


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much is done. rounds: framings of each training photo; own: share of pairs with a source's own fake."""

    rounds: int = 4
    trunk_steps: int = 20000
    voter_steps: int = 3000
    side: int = 128
    limit: int | None = None  # photos of each source and label, for a smoke run


SMOKE = Schedule(rounds=1, trunk_steps=4, voter_steps=2, side=32, limit=24)
# name, own share, focal loss: the four voters differ in what they see most and in how they are punished
VOTERS = (("north", 0.12, False), ("east", 0.5, False), ("south", 0.25, True), ("west", 0.0, False))
MISS = 0.2


def train(
    data: Path, out: Path, *, work: Path, seed: int = 0, schedule: Schedule | None = None
) -> ShippedBundle:
    """Trains and writes the baseline. Raises SourceMissing when a set is absent under `data`."""
    schedule = schedule or Schedule()
    photos = _limited(read_all(data), schedule.limit)
    work.mkdir(parents=True, exist_ok=True)
    measures = measure(photos, work / "measures.npz")
    groups = np.array(splits.groups(photos, measures.hashes))
    side_of = splits.assign(photos, groups.tolist())
    frozen = splits.freeze(work / "splits.json", photos, groups.tolist(), side_of)
    side = np.array([side_of[p.key] for p in photos])
    rows = {"train": schedule.rounds, "stack": 1, "validation": 1, "test": 1}
    sides = {
        name: _side(
            photos, measures, groups, side == name, rounds=rounds, seed=seed + k, serving=name != "train"
        )
        for k, (name, rounds) in enumerate(rows.items())
    }
    voters = _voters(sides["train"], schedule, seed)
    provenance = {
        "sources": sorted({p.source for p in photos}),
        "splits_sha256": frozen,
        "seed": seed,
        "trunk_steps": schedule.trunk_steps,
        "voter_steps": schedule.voter_steps,
    }
    return finish(
        out,
        voters,
        stack_side=sides["stack"],
        validation=sides["validation"],
        test=sides["test"],
        miss=MISS,
        version=f"baseline-seed{seed}",
        provenance=provenance,
        card="# Baseline\n\nTrained with `python -m ml baseline`; metrics with intervals are in manifest.json.\n",
    )


def _limited(photos: Sequence[Photo], limit: int | None) -> list[Photo]:
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


def _side(
    photos: Sequence[Photo],
    measures: Measures,
    groups: np.ndarray,
    chosen: np.ndarray,
    *,
    rounds: int,
    seed: int,
    serving: bool,
) -> Side:
    jobs = plan(photos, measures, groups, chosen, rounds=rounds, seed=seed, serving=serving)
    bank = make(photos, measures, jobs)
    return Side(bank, np.array([photos[i].source for i in bank.index]), groups[bank.index])


def _voters(train: Side, schedule: Schedule, seed: int) -> list[Voter]:
    torch.manual_seed(seed)
    network = convnext(ARCHITECTURE, **ARGUMENTS)
    start_from_scratch(network)
    base = Plan(steps=schedule.trunk_steps, side=schedule.side, seed=seed, compiled=schedule.limit is None)
    trunk = _fitted(WithMaskHead(network), train.bank, train.source, 0.12, base)
    voters = []
    for number, (name, own, focal) in enumerate(VOTERS, start=1):
        member = WithMaskHead(convnext(ARCHITECTURE, **ARGUMENTS))
        member.load_state_dict(trunk.state_dict())
        own_plan = replace(
            base,
            steps=schedule.voter_steps,
            rate=base.rate / 4,
            focal=focal,
            hold=0.0,
            ramp=0.01,
            seed=seed + number,
        )
        network = _fitted(member, train.bank, train.source, own, own_plan).network.eval()
        lift(network)
        view = View(schedule.side, schedule.side / FULL)
        voters.append(Voter(name, ARCHITECTURE, ARGUMENTS, network, view))
    return voters


def _fitted(model: WithMaskHead, bank: Bank, source: np.ndarray, own: float, plan: Plan) -> WithMaskHead:
    def report(step: int, loss: float, _: WithMaskHead) -> None:
        print(f"step {step} of {plan.steps}: loss {loss:.3f}", flush=True)

    return fit(model, PairSampler(bank, source, own_share=own, seed=plan.seed), plan, report=report)
