"""The four members of `ml baseline --hours`, and their fine-tuning within a given time."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.hybrid import HYBRID
from detection.networks.localiser import WithMaskHead
from ml.pictures import PictureStore
from ml.recipes.checkpoint import save_whole
from ml.training.loop import auc_of
from ml.training.pretrained import start_from_lite0
from ml.training.tuning import Course, fine_tune, served_logits
from ml.training.windows import WindowSampler

PAIRS_WATCHED = 200


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One member: what it looks at, how its network is built and how it is trained."""

    name: str
    view: View
    course: Course
    arguments: dict[str, Any] = field(default_factory=dict)


# They differ on purpose: in what they see, in how often they see a source's own fakes, and in their losses.
MEMBERS = (
    MemberPlan("north", View(176, 0.88), Course(steps=900, own=0.5, seed=1)),
    MemberPlan("south", View(176, 0.7), Course(steps=900, own=0.6, mask_weight=1.0, seed=2)),
    MemberPlan(
        "east",
        View(176, 0.88),
        Course(steps=900, own=0.75, mask_weight=1.0, seed=3),
        {"evidence": "local"},
    ),
    MemberPlan(
        "west",
        View(176, 0.88),
        Course(steps=900, own=0.25, margin_weight=0.5, mask_weight=1.0, seed=4),
        {"evidence": "local"},
    ),
)


def train_members(
    plans: Sequence[MemberPlan],
    train: PictureStore,
    validation: PictureStore,
    weights: dict[str, Any] | None,
    work: Path,
    *,
    deadline: float,
) -> dict[str, nn.Module]:
    """Networks by name. Finished members are taken from `work`; each of the others gets its share of the time left.

    weights: of `lite0_weights`, None to start from scratch. deadline: time.monotonic() value.
    """
    found: dict[str, nn.Module] = {}
    watched = _watched(validation)
    for number, plan in enumerate(plans):
        allowed_s = max(0.0, deadline - time.monotonic()) / (len(plans) - number)
        found[plan.name] = _member(plan, train, validation, watched, weights, work, allowed_s)
    return found


def _member(
    plan: MemberPlan,
    train: PictureStore,
    validation: PictureStore,
    watched: tuple[np.ndarray, np.ndarray],
    weights: dict[str, Any] | None,
    work: Path,
    allowed_s: float,
) -> nn.Module:
    network = convnext(HYBRID, **plan.arguments)
    if weights is not None:
        start_from_lite0(network, weights)
    own, pairs = watched
    told = work / f"{plan.name}.jsonl"

    def report(step: int, loss: float, average: WithMaskHead) -> dict[str, float]:
        rows = np.concatenate([own, pairs])
        logits = served_logits(average.network, validation, rows, plan.view)
        label = validation.columns["label"][rows]
        facts = {"own_auc": auc_of(logits[: len(own)], label[: len(own)]) if len(own) else 0.0}
        if len(pairs):
            facts["made_auc"] = auc_of(logits[len(own) :], label[len(own) :])
        line = {"member": plan.name, "step": step, "of": plan.course.steps, "loss": round(loss, 4)} | facts
        with told.open("a") as file:
            file.write(json.dumps(line | {"at": time.strftime("%H:%M:%S")}) + "\n")
        print(line, flush=True)
        return facts

    sampler = WindowSampler(
        train, plan.view, own=plan.course.own, batch=plan.course.batch, seed=plan.course.seed
    )
    model = WithMaskHead(network)
    kept = work / f"{plan.name}.checkpoint.safetensors"
    average, _ = fine_tune(model, sampler, plan.course, kept, report=report, allowed_s=allowed_s)
    save_whole(work / f"{plan.name}.safetensors", average.state_dict())
    return average.network.eval()


def _watched(validation: PictureStore) -> tuple[np.ndarray, np.ndarray]:
    """Rows that reports measure: the sources' own pictures, and some pairs of a photograph and its forged version."""
    columns = validation.columns
    own = np.flatnonzero(columns["post"] == "file")
    forged = np.flatnonzero(columns["made"])
    chosen = forged[:: max(1, len(forged) // PAIRS_WATCHED)][:PAIRS_WATCHED]
    return own, np.stack([chosen - 1, chosen], 1).ravel()


def shortened(plans: Sequence[MemberPlan], steps: int) -> list[MemberPlan]:
    """The same members with fewer or more steps."""
    return [replace(plan, course=replace(plan.course, steps=steps)) for plan in plans]
