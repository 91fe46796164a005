"""The members of `ml baseline --hours`, and their fine-tuning within a given time."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import nn

from detection.bundle import FACE, View
from detection.networks.convnext import LocalEvidence, convnext
from detection.networks.hybrid import HYBRID
from detection.networks.localiser import WithMaskHead
from ml.pictures import PictureStore
from ml.recipes.checkpoint import save_whole
from ml.training.face_crops import within_crop
from ml.training.fine_tuning import Course, fine_tune, served_logits, trained_for_s
from ml.training.loop import auc_of
from ml.training.pretrained import start_from_lite0
from ml.training.windows import WindowSampler

PAIRS_WATCHED = 200


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One member: what it looks at, how its network is built and how it is trained.

    start: the earlier member whose weights it goes on from; empty to begin with the ImageNet weights.
    """

    name: str
    view: View
    course: Course
    arguments: dict[str, Any] = field(default_factory=dict)
    start: str = ""


@dataclass(frozen=True, slots=True)
class TrainingStores:
    """What members are trained on and watched with: whole pictures, and the crops around the face of the same ones."""

    train: PictureStore
    validation: PictureStore
    train_crops: PictureStore
    validation_crops: PictureStore

    def seen_by(self, view: View) -> tuple[PictureStore, PictureStore, View]:
        """The stores to train on and to watch, and the view to cut from their pictures."""
        if view.frame == FACE:
            return self.train_crops, self.validation_crops, within_crop(view)
        return self.train, self.validation, view


# They differ on purpose: in what they see, in their heads and in the order of what they learn from. The view of the
# face is the best of those tried, by far. Without mixup the few hundred fakes of RFF are learned by heart
# (EXPERIMENTS.md).
MEMBERS = (
    MemberPlan("west", View(176, 0.88), Course(steps=900, own=0.3, mixup=0.4, average=0.995, seed=1)),
    MemberPlan(
        "south",
        View(192, 0.72, frame=FACE),
        Course(steps=900, own=0.25, rate=5e-4, mixup=0.4, average=0.995, seed=2),
        {"evidence": "local"},
    ),
    MemberPlan(
        "east",
        View(176, 0.88),
        Course(steps=900, own=0.3, mixup=0.4, average=0.995, seed=3),
        {"evidence": "local"},
    ),
)


def train_members(
    plans: Sequence[MemberPlan],
    stores: TrainingStores,
    weights: dict[str, Any] | None,
    work: Path,
    *,
    deadline: float,
) -> dict[str, nn.Module]:
    """Networks by name, without their mask heads.

    Finished members are taken from `work`, a member that was interrupted goes on, and each gets its share of the time
    left. weights: of `lite0_weights`, None to start from scratch. deadline: time.monotonic() value.
    """
    found: dict[str, nn.Module] = {}
    left = [plan.name for plan in plans if not finished_file(work, plan).is_file()]
    for plan in plans:
        model = _initial_model(plan, weights, found)
        kept = finished_file(work, plan)
        if kept.is_file():
            model.load_state_dict(load_file(kept))
        else:
            share_s = max(0.0, deadline - time.monotonic()) / len(left)
            model = _fine_tuned(plan, model, stores, work, share_s)
            save_whole(kept, model.state_dict())
            left.remove(plan.name)
        found[plan.name] = model.network.eval()
    return found


def finished_file(work: Path, plan: MemberPlan) -> Path:
    """Where a finished member's weights lie."""
    return work / f"{plan.name}.safetensors"


def _initial_model(
    plan: MemberPlan, weights: dict[str, Any] | None, found: dict[str, nn.Module]
) -> WithMaskHead:
    network = convnext(HYBRID, **plan.arguments)
    if plan.start:
        _backbone(network).load_state_dict(_backbone(found[plan.start]).state_dict())
    elif weights is not None:
        start_from_lite0(network, weights)
    return WithMaskHead(network)


def _backbone(network: nn.Module) -> Any:
    return network.backbone if isinstance(network, LocalEvidence) else network


def _fine_tuned(
    plan: MemberPlan,
    model: WithMaskHead,
    stores: TrainingStores,
    work: Path,
    share_s: float,
) -> WithMaskHead:
    train, validation, view = stores.seen_by(plan.view)
    own, pairs = watched_rows(validation)
    rows = np.concatenate([own, pairs])
    label = validation.columns["label"][rows]

    def report(step: int, loss: float, average: WithMaskHead) -> dict[str, float]:
        logits = served_logits(average.network, validation, rows, view)
        parts = {"own_auc": slice(0, len(own)), "made_auc": slice(len(own), None)}
        facts = {
            name: round(auc_of(logits[part], label[part]), 4)
            for name, part in parts.items()
            if len(set(label[part])) == 2
        }
        line = {"at": time.strftime("%H:%M:%S"), "member": plan.name, "step": step, "of": plan.course.steps}
        with (work / "members.jsonl").open("a") as file:
            file.write(json.dumps(line | {"loss": round(loss, 4)} | facts) + "\n")
        return facts

    course = plan.course
    sampler = WindowSampler(train, view, own=course.own, batch=course.batch, seed=course.seed)
    kept = work / f"{plan.name}.checkpoint.safetensors"
    allowed_s = trained_for_s(kept) + share_s
    average, _ = fine_tune(model, sampler, course, kept, report=report, allowed_s=allowed_s)
    return average


def watched_rows(validation: PictureStore) -> tuple[np.ndarray, np.ndarray]:
    """Rows that reports measure: the sources' own pictures, and some pairs of a photograph and its forged version."""
    columns = validation.columns
    own = np.flatnonzero(columns["post"] == "file")
    forged = np.flatnonzero(columns["made"])
    chosen = forged[:: max(1, len(forged) // PAIRS_WATCHED)][:PAIRS_WATCHED]
    return own, np.stack([chosen - 1, chosen], 1).ravel()
