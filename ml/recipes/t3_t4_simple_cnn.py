"""Recipes T3 and T4: a plain CNN on RFF, balanced (approach 1) and with few fakes (approach 2 of system T).

T4 has three settings: (a) SMOTE until balanced, cross-entropy; (b) SMOTE to 0.4 and undersampling to 0.5, focal loss;
(c) SMOTE to 0.1 and undersampling to 0.5, focal loss. SMOTE works on pixels and sees training rows only. The epoch with
the best validation recall is kept, as in the document.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from detection.networks.simple_cnn import SimpleCnn
from ml.balancing import SETTINGS, Setting, resample
from ml.losses import focal_unweighted
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.data import Prepared, limited
from ml.recipes.faces import (
    LAYOUT,
    SOURCE,
    System,
    flips_and_turn,
    recall_and_precision,
    two_draws,
    write_rff,
)
from ml.recipes.initial import SCRATCH, glorot
from ml.recipes.loop import Plan, cross_entropy, load_weights
from ml.sources import Photo, rff

REALS, FAKES = 1081, 90  # of the document's imbalanced set


def start(context: Context) -> tuple[nn.Module, str]:
    """The network and where its weights come from."""
    network = SimpleCnn(context.budget.side)
    glorot(network, context.seed)
    return network, load_weights(network, context.weights) if context.weights else SCRATCH


def plan(context: Context, best: str) -> Plan:
    return Plan(
        epochs=context.budget.epochs,
        batch=context.budget.batch,
        optimiser=lambda parameters: torch.optim.Adam(parameters),
        best=best,
        highest=True,
    )


def run_balanced(context: Context) -> Results:
    """T3."""
    system = System(start, plan(context, "accuracy"), {"accuracy": 0.9115}, augment=flips_and_turn)
    return two_draws(context, rff.read(context.data), system)


def run_imbalanced(context: Context, setting: Setting, reported: dict[str, float]) -> Results:
    """T4 in one of its settings."""
    system = System(
        start,
        plan(context, "recall"),
        reported,
        augment=flips_and_turn,
        enlarge=partial(resampled, setting=setting),
        loss=focal_unweighted if setting.focal else cross_entropy,
        measure=recall_and_precision,
    )
    return two_draws(context, imbalanced(rff.read(context.data)), system)


def imbalanced(photos: list[Photo]) -> list[Photo]:
    """All real faces and one fake to every twelve of them, as in the document."""
    reals = sum(photo.label == "real" for photo in photos)
    kept = {p.key for p in limited([p for p in photos if p.label == "fake"], max(10, reals * FAKES // REALS))}
    return [p for p in photos if p.label == "real" or p.key in kept]


def resampled(train: Prepared, seed: int, setting: Setting) -> Prepared:
    """The training rows after SMOTE and undersampling, in memory (a thousand faces of 256 px are 0.2 GB)."""
    images, label = resample(
        np.asarray(train.inputs[np.sort(train.rows)]), train.target[np.sort(train.rows)], setting, seed=seed
    )
    return Prepared(images, label, np.arange(len(label)), train.augment)


def _imbalanced(letter: str, setting: Setting, recall: float, precision: float) -> Recipe:
    reported = {"recall": recall, "precision": precision}
    words = (
        "SMOTE"
        if setting.under is None
        else f"SMOTE {setting.smote} + undersampling {setting.under}, focal loss"
    )
    run: Callable[[Context], Results] = partial(run_imbalanced, setting=setting, reported=reported)
    return Recipe(
        name=f"T4{letter}",
        summary=f"the plain CNN on RFF with few fakes: {words}",
        source=SOURCE,
        layout=LAYOUT,
        reported=f"validation recall {recall:.2%}, precision {precision:.2%}",
        budget=Budget(epochs=275, batch=32, side=256),
        smoke=Budget(epochs=1, batch=8, side=32, images=20),
        run=run,
        sample=partial(write_rff, count=24),
    )


T3 = Recipe(
    name="T3",
    summary="a plain CNN with flips and rotation on balanced RFF",
    source=SOURCE,
    layout=LAYOUT,
    reported="validation accuracy 91.15 %, test accuracy 89.86 %",
    budget=Budget(epochs=50, batch=32, side=256),
    smoke=Budget(epochs=1, batch=8, side=32, images=16),
    run=run_balanced,
    sample=write_rff,
)
T4 = (
    _imbalanced("a", SETTINGS[1], 0.4444, 0.2857),
    _imbalanced("b", SETTINGS[2], 0.4444, 0.3636),
    _imbalanced("c", SETTINGS[3], 0.5556, 0.1923),
)
