"""The loop: AdamW, warm-up and cosine, moving average of weights, bf16 on processors that have it."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from detection.networks.localiser import WithMaskHead
from detection.precision import has_bfloat16
from ml import losses
from ml.optimisers import muon
from ml.training.batches import PairSampler, ResampledSampler, assemble_batch
from ml.training_rows import TrainingRows


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does.

    The hardest allowed forgery stays at 0.4 for the share `hold` of the run, then rises to 1 over the share `ramp`.
    muon: orthogonalised updates for matrices (Jordan et al., 2024); measured, half the steps of AdamW.
    """

    steps: int
    side: int = 128
    batch: int = 64
    rate: float = 3e-3
    warmup: int = 100
    decay: float = 0.05
    mask_weight: float = 5.0
    margin_weight: float = 0.5
    focal: bool = False
    hold: float = 0.2
    ramp: float = 0.4
    muon: bool = True
    average: float = 0.998
    seed: int = 0
    report_every: int = 250
    compiled: bool = True


def learning_rate_at(step: int, part: float, plan: Plan) -> float:
    """Learning rate: linear warm-up, then flat, then from half of the run on a cosine to a hundredth.

    part: share of the run that is over, of its steps or of its time.
    """
    falling = max(0.0, 2 * part - 1)
    return (
        plan.rate * min(1.0, (step + 1) / plan.warmup) * (0.01 + 0.99 * (1 + math.cos(math.pi * falling)) / 2)
    )


def difficulty_limit_at(part: float, plan: Plan) -> float:
    """The difficulty up to which forgeries are drawn after the share `part` of the run."""
    return 0.4 + 0.6 * min(1.0, max(0.0, (part - plan.hold) / max(plan.ramp, 1e-9)))


def optimiser_for(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Muon, which takes AdamW for what is no matrix, or AdamW alone; decay on matrices only."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": plan.decay}, {"params": free, "weight_decay": 0.0}]
    if plan.muon:
        return muon(groups, lr=plan.rate, device=device_of(model))
    return torch.optim.AdamW(groups, lr=plan.rate)


def fit(
    model: WithMaskHead,
    sampler: PairSampler | ResampledSampler,
    plan: Plan,
    *,
    report: Callable[[int, float, WithMaskHead], None] = lambda step, loss, average: None,
    deadline: float = math.inf,
    after_step: Callable[[int, WithMaskHead], None] = lambda step, model: None,
) -> WithMaskHead:
    """Trains `model` in place and returns the moving average of its weights.

    report(step, mean loss since the last report, average) is called every `plan.report_every` steps and at the end.
    after_step(step, model) may change the weights, to share them with another worker. deadline: time.monotonic() value
    by which training ends; rate and difficulty follow steps or time, whichever is further on. It trains on the
    device of `model`.
    """
    torch.manual_seed(plan.seed)
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    average = copy.deepcopy(model).eval()
    forward = torch.compile(model, dynamic=False) if plan.compiled else model
    optimiser = optimiser_for(model, plan)
    recent: list[float] = []
    began = time.monotonic()
    for step in range(plan.steps):
        part = max(step / plan.steps, min(1.0, (time.monotonic() - began) / (deadline - began)))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(step, part, plan)
        recent.append(_step(forward, model, optimiser, sampler, plan, difficulty_limit_at(part, plan)))
        after_step(step, model)
        move_average(average, model, min(plan.average, (1 + step) / (10 + step)))
        last = step + 1 == plan.steps or time.monotonic() > deadline
        if (step + 1) % plan.report_every == 0 or last:
            report(step + 1, float(np.mean(recent)), average)
            recent.clear()
        if last:
            break
    return average


def _step(
    forward: Callable[[Tensor], tuple[Tensor, Tensor]],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    sampler: PairSampler | ResampledSampler,
    plan: Plan,
    hardest: float,
) -> float:
    device = device_of(model)
    batch = sampler.draw(plan.batch, plan.side, hardest).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        logits, edited = forward(batch.images.contiguous(memory_format=torch.channels_last))
    if plan.focal:
        loss = losses.focal(logits, batch.label, weight=batch.weight)
    else:
        loss = losses.cross_entropy(logits, batch.label, weight=batch.weight, soft=batch.soft)
    if plan.margin_weight:
        margin = losses.pair_margin(logits, batch.label, weight=batch.weight, soft=batch.soft)
        loss = loss + plan.margin_weight * margin
    loss = loss + plan.mask_weight * losses.edit_loss(edited, batch.mask, batch.known)
    if not torch.isfinite(loss):
        raise FloatingPointError("the loss is not finite: lower the learning rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the average of the weights towards the model, in place; `keep`: share of the average that stays."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)


@torch.inference_mode()
def logits_of(network: nn.Module, examples: TrainingRows, side: int, batch: int = 64) -> np.ndarray:
    """(N, 2) float32 logits of every example, seen as serving sees it."""
    network.eval()
    out, device = [], device_of(network)
    for start in range(0, len(examples.label), batch):
        rows = np.arange(start, min(start + batch, len(examples.label)))
        x = (
            assemble_batch(examples, rows, side)
            .images.to(device)
            .contiguous(memory_format=torch.channels_last)
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            out.append(network(x).float().cpu().numpy())
    return np.concatenate(out)


def device_of(network: nn.Module) -> torch.device:
    """Where its first parameter is."""
    return next(network.parameters()).device


def auc_of(logits: np.ndarray, label: np.ndarray, rows: np.ndarray | slice = slice(None)) -> float:
    """Area under the ROC curve of the logit difference."""
    return float(roc_auc_score(label[rows], (logits[:, 1] - logits[:, 0])[rows]))
