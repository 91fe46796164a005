"""Fine-tuning that resumes at the step where it was killed and ends when its time is over.

The batch of a step depends on the seed and the step alone, and a checkpoint holds weights, their average, the
optimiser and the random state: killed and resumed, a run without a time limit gives the same weights, bit by bit.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from detection.bundle import View
from detection.networks.localiser import WithMaskHead
from detection.precision import has_bfloat16
from ml import losses
from ml.pictures import PictureStore
from ml.recipes import checkpoint
from ml.recipes.checkpoint import Position
from ml.training.loop import device_of, move_average
from ml.training.windows import WindowSampler, served_batch

CHECKPOINT_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Course:
    """How one member is fine-tuned: AdamW with warm-up and cosine decay, and a moving average of the weights.

    own: share of the pairs that shows a source's own fakes. mask_weight: of the loss of the mask head, 0 for none.
    margin_weight: of the loss within pairs. mixup: alpha of the Beta distribution by which pictures are mixed with
    others of the batch (Zhang et al., 2018), 0 for none; mixed pictures have no masks and are no pairs.
    """

    steps: int
    batch: int = 24
    rate: float = 6e-4
    warmup: int = 40
    decay: float = 0.05
    own: float = 0.5
    mask_weight: float = 0.0
    margin_weight: float = 0.0
    focal: bool = False
    mixup: float = 0.0
    average: float = 0.99
    seed: int = 0
    report_every: int = 100

    def __post_init__(self) -> None:
        if self.mixup and (self.mask_weight or self.margin_weight):
            raise ValueError(
                "mixed pictures have neither masks nor partners: leave out mixup or these losses"
            )


Report = Callable[[int, float, WithMaskHead], dict[str, float]]


def learning_rate_at(step: int, part: float, course: Course) -> float:
    """Learning rate: linear warm-up, then a cosine to a hundredth. part: share of the run that is over."""
    falling = 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, part))) / 2
    return course.rate * min(1.0, (step + 1) / course.warmup) * falling


def fine_tune(
    model: WithMaskHead,
    sampler: WindowSampler,
    course: Course,
    kept: Path,
    *,
    report: Report = lambda step, loss, average: {},
    allowed_s: float = math.inf,
) -> tuple[WithMaskHead, list[dict[str, float]]]:
    """Trains and returns the average of the weights and the history that `report` gave.

    kept: the checkpoint, which is resumed when it is there. allowed_s: seconds of training over all sittings; the
    learning rate follows steps or time, whichever is further on. Raises FloatingPointError when the loss is no number,
    ValueError when the checkpoint is of another run.
    """
    torch.manual_seed(course.seed)
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    both = nn.ModuleDict({"model": model, "average": copy.deepcopy(model)})
    optimiser = _optimiser(model, course)
    mark = f"{course}{sampler.view}{len(sampler.store)}"
    at = checkpoint.read(kept, both, optimiser, mark, device_of(model)) or Position()
    average = both["average"]
    assert isinstance(average, WithMaskHead)
    average.eval()
    began, before, saved = time.monotonic(), at.elapsed_s, time.monotonic()
    while at.step < course.steps and at.elapsed_s < allowed_s:
        part = max(at.step / course.steps, at.elapsed_s / allowed_s)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(at.step, part, course)
        at.loss_sum += _step(model, optimiser, sampler, course, at.step)
        move_average(average, model, min(course.average, (1 + at.step) / (10 + at.step)))
        at.step += 1
        at.elapsed_s = before + time.monotonic() - began
        is_last = at.step >= course.steps or at.elapsed_s >= allowed_s
        if at.step % course.report_every == 0 or is_last:
            since = at.step - int(at.history[-1]["step"] if at.history else 0)
            loss = at.loss_sum / since
            told = report(at.step, loss, average)
            at.history.append({"step": at.step, "loss": loss, "elapsed_s": at.elapsed_s, **told})
            at.loss_sum = 0.0
        if is_last or time.monotonic() - saved > CHECKPOINT_EVERY_S:
            checkpoint.write(kept, both, optimiser, at, mark)
            saved = time.monotonic()
    return average, at.history


def seconds_a_step(model: WithMaskHead, sampler: WindowSampler, course: Course, count: int = 4) -> float:
    """How long a step takes here and now, the first one not counted; `model` is of no use afterwards."""
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    optimiser = _optimiser(model, course)
    _step(model, optimiser, sampler, course, 0)
    began = time.monotonic()
    for step in range(1, count + 1):
        _step(model, optimiser, sampler, course, step)
    return (time.monotonic() - began) / count


def trained_for_s(kept: Path) -> float:
    """Seconds of training that a checkpoint holds, 0 where there is none."""
    if not kept.is_file():
        return 0.0
    with safe_open(kept, "pt") as file:
        notes = file.metadata() or {}
    return float(json.loads(notes["position"])["elapsed_s"])


def _optimiser(model: nn.Module, course: Course) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": course.decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=course.rate)


def _step(
    model: WithMaskHead,
    optimiser: torch.optim.Optimizer,
    sampler: WindowSampler,
    course: Course,
    step: int,
) -> float:
    device = device_of(model)
    batch = sampler.draw(step).to(device)
    kept, order = _mixture(course, step, len(batch.label))
    images = batch.images
    if kept < 1:
        images = kept * images + (1 - kept) * images[order]
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        logits, edited = model(images.contiguous(memory_format=torch.channels_last))
    classify = losses.focal_unweighted if course.focal else losses.cross_entropy
    loss = classify(logits, batch.label)
    if kept < 1:
        loss = kept * loss + (1 - kept) * classify(logits, batch.label[order])
    if course.margin_weight:
        loss = loss + course.margin_weight * losses.pair_margin(logits, batch.label)
    if course.mask_weight:
        loss = loss + course.mask_weight * losses.edit_loss(edited, batch.mask, batch.known)
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is not finite in step {step + 1}: lower the learning rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _mixture(course: Course, step: int, size: int) -> tuple[float, torch.Tensor]:
    """How much of each picture of this step's batch is kept, and with which one it is mixed."""
    rng = np.random.default_rng([course.seed, step, 1])
    kept = float(rng.beta(course.mixup, course.mixup)) if course.mixup else 1.0
    return kept, torch.from_numpy(rng.permutation(size))


@torch.inference_mode()
def served_logits(
    network: nn.Module, store: PictureStore, rows: np.ndarray, view: View, batch: int = 32
) -> np.ndarray:
    """(N, 2) float32 logits of rows of a store, cut as serving cuts them."""
    network.eval()
    device, found = device_of(network), []
    for start in range(0, len(rows), batch):
        x = served_batch(store, rows[start : start + batch], view).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            logits = network(x.contiguous(memory_format=torch.channels_last))
        found.append(logits.float().cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, 2), np.float32)
