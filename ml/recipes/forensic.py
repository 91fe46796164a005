"""Shared by E and D: one picture, one forensic view of it, and the same training under two protocols.

*documented*: files as they are, a random 90:10 draw, the accuracy of the best epoch on the part that chose
it. *honest*: every picture compressed again in the same way before the view is computed, groups kept
together, 80:10:10, the epoch chosen on validation, the test side measured once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split
from torch import nn

from detection.forensics.network_inputs import compressed
from ml.evaluation.metrics import auc, share
from ml.recipes.base import Context, Results
from ml.recipes.checkpoint import load_weights
from ml.recipes.data import Divided, Prepared, divide, label_of, open_rgb, prepare
from ml.recipes.exporting import Exhibit, export
from ml.recipes.initial import SCRATCH, glorot
from ml.recipes.loop import Loss, Plan, cross_entropy, fit, predict, probability
from ml.recipes.probes import probes
from ml.sources import Photo

HELD_OUT = 0.1


@dataclass(frozen=True, slots=True)
class View:
    """A forensic view: make(image) gives an array of `shape` (H, W, C), uint8."""

    name: str
    shape: tuple[int, int, int]
    make: Callable[[Image.Image], np.ndarray]


def two_protocols(
    context: Context,
    photos: list[Photo],
    view: View,
    network: Callable[[], nn.Module],
    plan: Plan,
    *,
    reported: float,
    exhibit: Exhibit,
    loss: Callable[[np.ndarray], Loss] = lambda label: cross_entropy,
    balanced: bool = False,
    documented_view: View | None = None,
    passes_per_epoch: float | None = None,
) -> Results:
    """Trains twice, measures each by its own protocol, and exports the honest network on request.

    loss: made from the training labels. balanced: the documented draw takes equally many pictures of both classes.
    documented_view: what the document looks at where it is not `view`; passes_per_epoch: of its epochs, None for one.
    """
    divided = divide(photos, context)
    label = label_of(divided.photos)
    drawn, held = documented_draw(label, np.random.default_rng(context.seed), balanced)
    paced = _with_epochs_of(plan, len(drawn), passes_per_epoch)
    model = network()
    protocol = _Protocol("documented", documented_view or view, paced, drawn, held, held)
    documented = _train(model, protocol, context, divided, loss)
    model = network()
    protocol = _Protocol("honest", view, plan, *map(divided.on, ("train", "validation", "test")))
    honest = _train(model, protocol, context, divided, loss)
    group = np.array(divided.group)[held]
    figures = honest_figures(honest.score, honest.target, divided)
    export(context, model, exhibit, figures, honest.weights)
    return Results(
        weights=honest.weights,
        counts=divided.counts(),
        documented=documented_figures(
            documented.score, documented.target, group, documented.history, reported
        ),
        honest=figures,
        why=WHY,
        history={"documented": documented.history, "honest": honest.history},
        scores=(divided.scores("test", honest.score),),
        extra={"split_sha256": divided.sha256, "skipped": divided.skipped, "probes": probes(divided)},
    )


def _with_epochs_of(plan: Plan, rows: int, passes: float | None) -> Plan:
    """The plan with epochs of `passes` passes over `rows` rows; unchanged without `passes`."""
    if not passes:
        return plan
    steps = math.ceil(rows / plan.batch) * passes
    return replace(plan, steps_an_epoch=max(1, round(steps)))


@dataclass(frozen=True, slots=True)
class _Protocol:
    """train, watched, measured: row numbers to learn from, to choose the epoch on, and to predict at the end."""

    name: str
    view: View
    plan: Plan
    train: np.ndarray
    watched: np.ndarray
    measured: np.ndarray


@dataclass(frozen=True, slots=True)
class _Outcome:
    """score, target: (N,) of the measured rows. weights: where the network's initial weights came from."""

    score: np.ndarray
    target: np.ndarray
    history: list[dict[str, float]]
    weights: str


def _train(
    model: nn.Module,
    protocol: _Protocol,
    context: Context,
    divided: Divided,
    loss: Callable[[np.ndarray], Loss],
) -> _Outcome:
    """Trains `model` in place by one protocol and predicts the rows that it measures."""
    view, label = protocol.view, label_of(divided.photos)
    make = partial(view_of, view=view, compress=protocol.name == "honest")
    inputs = prepare(divided.photos, f"{view.name}.{protocol.name}", view.shape, make, context)
    glorot(model, context.seed)
    weights = load_weights(model, context.weights) if context.weights else SCRATCH
    history = fit(
        model,
        Prepared(inputs, label, protocol.train),
        Prepared(inputs, label, protocol.watched),
        protocol.plan,
        context,
        name=protocol.name,
        loss=loss(label[protocol.train]),
    )
    outputs, target = predict(model, Prepared(inputs, label, protocol.measured), context, protocol.plan.batch)
    return _Outcome(probability(outputs), target.numpy(), history, weights)


WHY = (
    "The document draws its validation pictures at random, so that versions of one photograph lie on both sides, reads "
    "files whose classes were saved by different programs, and reports the epoch that its own validation chose."
)


def view_of(photo: Photo, view: View, compress: bool) -> np.ndarray:
    """The view of one file, after a common compression when the protocol is the honest one."""
    image = open_rgb(photo.path)
    return view.make(compressed(image) if compress else image)


def documented_draw(
    label: np.ndarray, rng: np.random.Generator, balanced: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows held out, stratified 90:10 at random."""
    classes = [rng.permutation(np.flatnonzero(label == value)) for value in (0, 1)]
    if balanced:
        fewest = min(len(rows) for rows in classes)
        classes = [rows[:fewest] for rows in classes]
    cut = [max(1, round(HELD_OUT * len(rows))) for rows in classes]
    held = np.concatenate([rows[:n] for rows, n in zip(classes, cut, strict=True)])
    return np.concatenate([rows[n:] for rows, n in zip(classes, cut, strict=True)]), held


def stratified_draw(label: np.ndarray, seed: int, held: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and the share `held` out, drawn at random with equal shares of both classes."""
    train, rest = train_test_split(np.arange(len(label)), test_size=held, stratify=label, random_state=seed)
    return train, rest


def documented_figures(
    score: np.ndarray,
    target: np.ndarray,
    group: np.ndarray,
    history: list[dict[str, float]],
    reported: float,
) -> dict[str, object]:
    """The document's figure and ours under its protocol. score, target, group: (N,) of the held-out rows."""
    return {
        "metric": "validation accuracy, best epoch, random draw",
        "reported": reported,
        "accuracy": share((score > 0.5) == target, group).as_dict(),
        "accuracy_last_epoch": round(history[-1]["accuracy"], 4),
    }


def honest_figures(score: np.ndarray, target: np.ndarray, divided: Divided) -> dict[str, object]:
    """Figures on the test side with intervals over groups. score, target: (N,) in the side's order."""
    group = np.array(divided.group)[divided.on("test")]
    right = (score > 0.5) == target
    fake = target == 1
    return {
        "auc": auc(target, score, group).as_dict(),
        "accuracy": share(right, group).as_dict(),
        "recall": share(right[fake], group[fake]).as_dict(),
        "false_alarm": share(~right[~fake], group[~fake]).as_dict(),
        "always_the_commoner_class": round(float(max(fake.mean(), 1 - fake.mean())), 4),
    }
