"""A small network with dropout and augmentation, trained by `ml.recipes.loop`; it can kill itself at a batch."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.optim.muon import Muon
from torch import nn

from ml.recipes.base import Budget, Context
from ml.recipes.data import Prepared
from ml.recipes.loop import Measure, Plan, accuracy, fit

OPTIMISERS = {"adam": lambda p: torch.optim.Adam(p, lr=0.01), "muon": lambda p: Muon(list(p), lr=0.01)}


class Dying(Prepared):
    """Examples that end the process at a batch, as `kill -9` does."""

    left = -1

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[torch.Tensor, torch.Tensor]:
        if rng is not None:
            if Dying.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            Dying.left -= 1
        return super().batch(rows, rng)


def speckle(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image ^ rng.integers(0, 2, image.shape, dtype=np.uint8)


def context_of(out: Path, seed: int = 3) -> Context:
    return Context(
        data=out, out=out, budget=Budget(4, 4, 8), device=torch.device("cpu"), seed=seed, quiet=True
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 2)
    )


def train(
    out: Path, die_at: int = -1, seed: int = 3, measure: Measure = accuracy, **changes: Any
) -> tuple[nn.Module, list]:
    torch.set_num_threads(1)
    Dying.left = die_at
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    label = np.arange(24) % 2
    defaults: dict[str, Any] = {"epochs": 4, "batch": 4, "optimiser": OPTIMISERS["adam"]}
    plan = Plan(**(defaults | changes))
    model = network()
    rows = Dying(inputs, label, np.arange(18), speckle)
    held = Prepared(inputs, label, np.arange(18, 24))
    return model, fit(model, rows, held, plan, context_of(out, seed), measure=measure)
