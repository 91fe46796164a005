"""The loop: AdamW, warm-up and cosine, moving average of weights, bf16 on processors that have it."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ml import losses
from ml.bank import Bank
from ml.training.batches import PairSampler, assemble

AUX_STAGE = 1  # the stage with stride 8, whose map the seam head reads


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does. ramp: share of the steps over which the hardest allowed forgery rises from 0.4 to 1."""

    steps: int
    side: int = 128
    batch: int = 64
    rate: float = 2e-3
    warmup: int = 200
    decay: float = 0.05
    mask_weight: float = 1.0
    margin_weight: float = 0.5
    focal: bool = False
    ramp: float = 0.3
    average: float = 0.998
    seed: int = 0
    report_every: int = 250
    compiled: bool = True


class WithMaskHead(nn.Module):
    """A timm ConvNeXt with an auxiliary 1x1 head that says which cells hold a seam; the head is not shipped."""

    def __init__(self, network: Any):
        super().__init__()
        self.network: Any = network  # timm's own attributes are typed nowhere
        self.mask = nn.Conv2d(network.feature_info[AUX_STAGE]["num_chs"], 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 3, S, S). Returns logits (B, 2) and seam logits (B, 1, S/8, S/8)."""
        net = self.network
        x = net.stem(x)
        for number, stage in enumerate(net.stages):
            x = stage(x)
            if number == AUX_STAGE:
                edited = self.mask(x)
        return net.forward_head(net.norm_pre(x)), edited


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate: linear warm-up, then cosine to a hundredth."""
    if step < plan.warmup:
        return plan.rate * (step + 1) / plan.warmup
    part = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return plan.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2)


def optimiser_for(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": plan.decay}, {"params": free, "weight_decay": 0.0}], lr=plan.rate
    )


def fit(
    model: WithMaskHead,
    sampler: PairSampler,
    plan: Plan,
    *,
    report: Callable[[int, float, WithMaskHead], None] = lambda step, loss, average: None,
    deadline: float = math.inf,
) -> WithMaskHead:
    """Trains `model` in place and returns the moving average of its weights.

    report(step, mean loss since the last report, average) is called every `plan.report_every` steps and at the end.
    deadline: time.monotonic() value after which training stops early.
    """
    torch.manual_seed(plan.seed)
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    average = copy.deepcopy(model).eval()
    forward = torch.compile(model, dynamic=False) if plan.compiled else model
    optimiser = optimiser_for(model, plan)
    recent: list[float] = []
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan)
        hardest = min(1.0, 0.4 + 0.6 * step / max(1, plan.ramp * plan.steps))
        recent.append(_step(forward, model, optimiser, sampler, plan, hardest))
        _blend(average, model, min(plan.average, (1 + step) / (10 + step)))
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
    sampler: PairSampler,
    plan: Plan,
    hardest: float,
) -> float:
    batch = sampler.draw(plan.batch, plan.side, hardest)
    with torch.autocast("cpu", torch.bfloat16):
        logits, edited = forward(batch.images.contiguous(memory_format=torch.channels_last))
    classify = losses.focal if plan.focal else losses.cross_entropy
    loss = classify(logits, batch.label)
    loss = loss + plan.margin_weight * losses.pair_margin(logits, batch.label)
    loss = loss + plan.mask_weight * losses.seam_loss(edited, batch.mask, batch.known)
    if not torch.isfinite(loss):
        raise FloatingPointError("the loss is not finite: lower the learning rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def _blend(average: nn.Module, model: nn.Module, keep: float) -> None:
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)


@torch.inference_mode()
def logits_of(network: nn.Module, bank: Bank, side: int, batch: int = 64) -> np.ndarray:
    """(N, 2) float32 logits of every row of the bank, seen as serving sees it."""
    network.eval()
    out = []
    for start in range(0, len(bank.label), batch):
        rows = np.arange(start, min(start + batch, len(bank.label)))
        x = assemble(bank, rows, side).images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            out.append(network(x).float().numpy())
    return np.concatenate(out)


def auc_of(logits: np.ndarray, label: np.ndarray, rows: np.ndarray | slice = slice(None)) -> float:
    """Area under the ROC curve of the logit difference."""
    return float(roc_auc_score(label[rows], (logits[:, 1] - logits[:, 0])[rows]))
