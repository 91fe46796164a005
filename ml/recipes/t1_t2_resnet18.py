"""Recipes T1 and T2: ResNet-18 from ImageNet on balanced RFF, plain and with MixUp (system T, approach 1).

The document standardises each picture by itself, freezes the first 49 parameter tensors, exchanges the head, and trains
with Adam at 225 px; MixUp draws its share from Beta(0.2, 0.2) (Zhang et al., 2018). Without pretrained weights nothing
is frozen, because a random trunk would stay random; then the document's protocol counts as not run.

T1lite and T2lite are the same training of EfficientNet-Lite0, whose ImageNet weights come as a package
(`ml.training.pretrained`); all of it is trained, because the document's cut at tensor 49 is one of ResNet-18.

Deviations: the epoch of the best accuracy is kept, which is what the document reports (it saves that of the lowest
loss); a MixUp partner is any training picture, where the document pairs two orders of the whole set.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detection.networks.hybrid import LITE0
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.data import Prepared
from ml.recipes.faces import LAYOUT, SOURCE, System, two_draws, write_rff
from ml.recipes.initial import SCRATCH, trunk
from ml.recipes.loop import Plan
from ml.sources import rff
from ml.training.pretrained import CREDIT, package_weights

FROZEN = 49  # parameter tensors, counted from the input
MIXUP = 0.2
WEIGHTS = "ImageNet weights of ResNet-18"
LITE0_WEIGHTS = "ImageNet weights of EfficientNet-Lite0 (the extra `pretrained`)"


class ResNet18(nn.Module):
    """timm's resnet18 with two logits on standardised pictures, which the document moves once more: (x - 0.5) / 0.5."""

    def __init__(self, pretrained: bool) -> None:
        super().__init__()
        self.network = timm.create_model("resnet18", pretrained=pretrained, num_classes=2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((x - 0.5) / 0.5)
        return logits

    def freeze(self) -> None:
        for parameter in list(self.network.parameters())[:FROZEN]:
            parameter.requires_grad = False


class Lite0(nn.Module):
    """EfficientNet-Lite0 with two logits, with the input of `ResNet18`. pretrained: with the package's weights.

    Raises PretrainedMissing without the package.
    """

    def __init__(self, pretrained: bool) -> None:
        super().__init__()
        self.network = timm.create_model(LITE0, num_classes=2)
        if pretrained:
            self.network.load_state_dict(package_weights(), strict=False)  # all but the classifier

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((x - 0.5) / 0.5)
        return logits


@dataclass(frozen=True, slots=True)
class MixUp:
    """Training rows, each mixed with another training row; targets become shares of *fake*."""

    rows: Prepared

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        x, target = self.rows.batch(rows, rng)
        assert rng is not None  # only training draws from here
        share = torch.from_numpy(rng.beta(MIXUP, MIXUP, len(x))).float()
        other, others_target = self.rows.batch(rng.integers(len(self.rows), size=len(x)), rng)
        wide = share[:, None, None, None]
        mixed = target.float() * share + others_target.float() * (1 - share)
        return x * wide + other * (1 - wide), mixed


def soft_cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy against a share of *fake*. outputs: (B, 2); target: (B,) float or int in 0..1."""
    fake = target.float()
    return F.cross_entropy(outputs.float(), torch.stack([1 - fake, fake], 1))


def start_lite0(context: Context) -> tuple[nn.Module, str]:
    """As `start`, of EfficientNet-Lite0."""
    network, weights = trunk(Lite0, context)
    return network, weights if weights == SCRATCH or context.weights else CREDIT


def start(context: Context) -> tuple[nn.Module, str]:
    """The network and where its weights come from."""
    network, weights = trunk(ResNet18, context)
    if weights != SCRATCH and isinstance(network, ResNet18):
        network.freeze()
    return network, weights


def plan(context: Context) -> Plan:
    return Plan(
        epochs=context.budget.epochs,
        batch=context.budget.batch,
        optimiser=lambda parameters: torch.optim.Adam(parameters),
        best="accuracy",
        highest=True,
    )


Start = Callable[[Context], tuple[nn.Module, str]]


def run_plain(context: Context, begin: Start = start, needs: str = WEIGHTS) -> Results:
    """T1."""
    system = System(begin, plan(context), {"accuracy": 0.6863}, samplewise=True, needs=needs)
    return two_draws(context, rff.read(context.data), system)


def run_mixup(context: Context, begin: Start = start, needs: str = WEIGHTS) -> Results:
    """T2."""
    system = System(
        begin,
        plan(context),
        {"accuracy": 0.7353},
        enlarge=lambda train, seed: MixUp(train),
        loss=soft_cross_entropy,
        samplewise=True,
        needs=needs,
    )
    return two_draws(context, rff.read(context.data), system)


T1 = Recipe(
    name="T1",
    summary="ResNet-18 from ImageNet, frozen up to its 49th tensor, on balanced RFF",
    source=SOURCE,
    layout=LAYOUT,
    reported="validation accuracy 68.63 % (epoch 6)",
    budget=Budget(epochs=50, batch=32, side=225),
    smoke=Budget(epochs=1, batch=8, side=64, images=16),
    run=run_plain,
    sample=write_rff,
    steps="2,550 of 32; the one kept had made 306",
)
T2 = Recipe(
    name="T2",
    summary="T1 with MixUp",
    source=SOURCE,
    layout=LAYOUT,
    reported="validation accuracy 73.53 % (epoch 26)",
    budget=Budget(epochs=50, batch=64, side=225),
    smoke=Budget(epochs=1, batch=8, side=64, images=16),
    run=run_mixup,
    sample=write_rff,
    steps="1,300 of 64; the one kept had made 676",
)
T1_LITE = replace(
    T1,
    name="T1lite",
    summary="T1 with EfficientNet-Lite0, whose ImageNet weights install as a package",
    run=partial(run_plain, begin=start_lite0, needs=LITE0_WEIGHTS),
)
T2_LITE = replace(
    T2,
    name="T2lite",
    summary="T1lite with MixUp",
    run=partial(run_mixup, begin=start_lite0, needs=LITE0_WEIGHTS),
)
