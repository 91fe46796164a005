"""One training loop for every recipe: deterministic, resumable at any step, on a CPU or a CUDA device.

Order and augmentation of a batch depend only on (seed, epoch, step), so a run needs no state except its
position.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from detection.precision import has_bfloat16
from ml.recipes import checkpoint
from ml.recipes.base import Context
from ml.recipes.checkpoint import Position, fingerprint

CHECKPOINT_EVERY_S = 30.0

Loss = Callable[[Tensor, Tensor], Tensor]
Measure = Callable[[Tensor, Tensor], Mapping[str, float]]
History = Sequence[Mapping[str, float]]


class Examples(Protocol):
    """Rows to learn from or to measure on."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """Inputs (B, C, H, W) float32 and targets, on the CPU. rng draws the augmentation; None leaves it out."""
        ...


@runtime_checkable
class Redrawn(Protocol):
    """Rows that are drawn again in every epoch, from the seed and the epoch alone; each draw is equally long."""

    def in_epoch(self, epoch: int) -> Examples: ...


def in_epoch(rows: Examples | Redrawn, epoch: int) -> Examples:
    """The rows of one epoch, counted from 0."""
    return rows.in_epoch(epoch) if isinstance(rows, Redrawn) else rows


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one training.

    optimiser: made from the parameters that learn. rate(steps done, history so far): learning rate, None
    leaves the optimiser's. best: the validation figure that selects the epoch to keep; highest: whether
    higher is better; ties: the figure that decides between equals (higher is better), None keeps the first.
    patience: epochs without a better figure after which training ends, None for never. steps_an_epoch: an epoch ends
    after that many, None for a whole pass. steps: training ends after that many in all, whatever `epochs` says.
    """

    epochs: int
    batch: int
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    rate: Callable[[int, History], float] | None = None
    best: str = "loss"
    highest: bool = False
    ties: str | None = None
    patience: int | None = None
    steps_an_epoch: int | None = None
    steps: int | None = None


def accuracy(outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Share of correct calls. outputs: (N, 2) or (N, 1) logits; target: (N,) 1 is fake."""
    predicted = outputs.argmax(1) if outputs.shape[1] == 2 else (outputs[:, 0] > 0).long()
    return {"accuracy": float((predicted == target.round().long()).float().mean())}


def probability(outputs: Tensor) -> np.ndarray:
    """Probability of fake, (N,) float64, from (N, 2) logits (real, fake) or (N, 1)."""
    logit = outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs[:, 0]
    return np.asarray(torch.sigmoid(logit.double()).numpy())


def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over (B, 2) logits, or binary over (B, 1); target: (B,) 1 is fake."""
    if outputs.shape[1] == 2:
        return F.cross_entropy(outputs.float(), target.long())
    return F.binary_cross_entropy_with_logits(outputs[:, 0].float(), target.float())


def fit(
    network: nn.Module,
    train: Examples | Redrawn,
    validation: Examples | Redrawn,
    plan: Plan,
    context: Context,
    *,
    name: str = "network",
    loss: Loss = cross_entropy,
    measure: Measure = accuracy,
) -> list[dict[str, float]]:
    """Trains `network`, leaves it with its best epoch's weights, and returns the history.

    Resumes from `<out>/<name>.checkpoint.safetensors`; the best weights are in `<out>/<name>.safetensors`.
    measure gets all validation outputs and targets at once; its figures, `loss` and the optimiser's `steps` so far
    enter the history. The budget's `steps` replace the plan's. Raises FloatingPointError when the loss is not finite,
    ValueError when the checkpoint belongs to another run.
    """
    if context.budget.steps is not None:
        plan = replace(plan, steps=context.budget.steps)
    course = _Course(network, train, validation, plan, context, name, loss, measure)
    return course.run()


def predict(
    network: nn.Module, examples: Examples, context: Context, batch: int, what: str = "measuring"
) -> tuple[Tensor, Tensor]:
    """Outputs (N, ...) float32 and targets (N, ...) of every row, on the CPU, in order."""
    network.to(context.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # stubs
    rows = [np.arange(i, min(i + batch, len(examples))) for i in range(0, len(examples), batch)]
    outputs, targets = [], []
    with torch.inference_mode(), context.progress(len(examples), what) as bar:
        for chosen, (x, target) in zip(rows, _prefetched(examples, rows, lambda step: None), strict=True):
            outputs.append(forward(network, x, context.device).float().cpu())
            targets.append(target)
            bar.update(len(chosen))
    return torch.cat(outputs), torch.cat(targets)


def forward(network: nn.Module, x: Tensor, device: torch.device) -> Tensor:
    """One pass, in bfloat16 where the processor has it and the operation allows it."""
    x = x.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        outputs: Tensor = network(x)
    return outputs


class _Course:
    """Continues one training to its end."""

    def __init__(
        self,
        network: nn.Module,
        train: Examples | Redrawn,
        validation: Examples | Redrawn,
        plan: Plan,
        context: Context,
        name: str,
        loss: Loss,
        measure: Measure,
    ) -> None:
        self.network = network.to(context.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train, self.validation, self.plan, self.context = train, validation, plan, context
        self.name, self.loss, self.measure = name, loss, measure
        self.optimiser = plan.optimiser(p for p in network.parameters() if p.requires_grad)
        self.saved = context.out / f"{name}.checkpoint.safetensors"
        self.kept = context.out / f"{name}.safetensors"
        self.fingerprint = fingerprint(
            name,
            context.seed,
            len(in_epoch(train, 0)),
            len(in_epoch(validation, 0)),
            plan.batch,
            [str(p.shape) for p in network.parameters()],
        )
        self.saved_at = time.monotonic()
        self.position = Position()

    def run(self) -> list[dict[str, float]]:
        torch.manual_seed(self.context.seed)
        found = checkpoint.read(
            self.saved, self.network, self.optimiser, self.fingerprint, self.context.device
        )
        if found:
            self.position = found
            self.context.say(f"{self.name}: going on at epoch {found.epoch + 1}, step {found.step + 1}")
        while self._goes_on() and not self._out_of_patience():
            self._epoch()
        self._save()
        if self.position.best_epoch >= 0:
            self.network.load_state_dict(load_file(self.kept, device=str(self.context.device)))
        return self.position.history

    def _epoch(self) -> None:
        at = self.position
        train = in_epoch(self.train, at.epoch)
        order = np.random.default_rng([self.context.seed, at.epoch]).permutation(len(train))
        rows = [order[i : i + self.plan.batch] for i in range(0, len(order), self.plan.batch)]
        if len(rows) > 1 and len(rows[-1]) == 1:  # batch normalisation needs two
            rows.pop()
        rows = rows[: self.plan.steps_an_epoch]
        if self.plan.steps is not None:
            rows = rows[: self.plan.steps - at.steps_before]
        self.network.train()
        left = rows[at.step :]
        first, seed, epoch = at.step, self.context.seed, at.epoch

        def draw(step: int) -> np.random.Generator:
            return np.random.default_rng([seed, epoch, first + step])

        title = f"{self.name} {at.epoch + 1}/{self.plan.epochs}"
        with self.context.progress(len(rows), title, done=at.step) as bar:
            for x, target in _prefetched(train, left, draw):
                at.loss_sum += self._step(x, target)
                at.step += 1
                bar.set_postfix(loss=f"{at.loss_sum / at.step:.4f}", refresh=False)
                bar.update()
                if time.monotonic() - self.saved_at > CHECKPOINT_EVERY_S:
                    self._save()
        self._close_epoch(at.loss_sum / max(1, len(rows)), len(rows))

    def _step(self, x: Tensor, target: Tensor) -> float:
        at = self.position
        if self.plan.rate:
            for group in self.optimiser.param_groups:
                group["lr"] = self.plan.rate(at.steps_before + at.step, at.history)
        outputs = forward(self.network, x, self.context.device)
        value = self.loss(outputs, target.to(self.context.device))
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"{self.name}: the loss is not finite in epoch {at.epoch + 1}, step {at.step + 1}"
            )
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()
        self.optimiser.step()
        return float(value.detach())

    def _close_epoch(self, train_loss: float, steps: int) -> None:
        at = self.position
        held = in_epoch(self.validation, at.epoch)
        outputs, target = predict(self.network, held, self.context, self.plan.batch, "validation")
        figures = {"loss": float(self.loss(outputs, target)), **self.measure(outputs, target)}
        done = at.steps_before + steps
        at.history.append({"epoch": at.epoch + 1, "steps": done, "train_loss": train_loss, **figures})
        if at.best_epoch < 0 or self._better(figures, at.history[at.best_epoch]):
            at.best_epoch = at.epoch
            checkpoint.save_whole(self.kept, self.network.state_dict())
        shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self.context.say(
            f"{self.name} {at.epoch + 1}/{self.plan.epochs}: train loss {train_loss:.4f}  {shown}"
        )
        at.epoch, at.step, at.loss_sum, at.steps_before = at.epoch + 1, 0, 0.0, done
        if time.monotonic() - self.saved_at > CHECKPOINT_EVERY_S:
            self._save()

    def _goes_on(self) -> bool:
        if self.plan.steps is not None:
            return self.position.steps_before < self.plan.steps
        return self.position.epoch < self.plan.epochs

    def _better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        name, ties = self.plan.best, self.plan.ties
        if new[name] != old[name]:
            return new[name] > old[name] if self.plan.highest else new[name] < old[name]
        return ties is not None and new[ties] > old[ties]

    def _out_of_patience(self) -> bool:
        at = self.position
        return self.plan.patience is not None and at.epoch - 1 - at.best_epoch >= self.plan.patience

    def _save(self) -> None:
        checkpoint.write(self.saved, self.network, self.optimiser, self.position, self.fingerprint)
        self.saved_at = time.monotonic()


def _prefetched(
    examples: Examples, rows: list[np.ndarray], draw: Callable[[int], np.random.Generator | None]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in order; the next is read while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(examples.batch, rows[0], draw(0)) if rows else None
        for step in range(len(rows)):
            assert upcoming is not None
            ready = upcoming.result()
            if step + 1 < len(rows):
                upcoming = pool.submit(examples.batch, rows[step + 1], draw(step + 1))
            yield ready
