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
    history, weights = {}, SCRATCH
    label = label_of(divided.photos)
    rng = np.random.default_rng(context.seed)
    train, held = documented_draw(label, rng, balanced)
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for protocol, rows, chosen in (
        ("documented", train, held),
        ("honest", divided.on("train"), divided.on("validation")),
    ):
        documents = protocol == "documented"
        seen = documented_view or view if documents else view
        inputs = prepare(
            divided.photos,
            f"{view.name}.{protocol}",
            view.shape,
            partial(made, view=seen, alike=not documents),
            context,
        )
        paced = plan
        if documents and passes_per_epoch:
            steps = math.ceil(len(rows) / plan.batch) * passes_per_epoch
            paced = replace(plan, steps_an_epoch=max(1, round(steps)))
        model = network()
        glorot(model, context.seed)
        if context.weights:
            weights = load_weights(model, context.weights)
        history[protocol] = fit(
            model,
            Prepared(inputs, label, rows),
            Prepared(inputs, label, chosen),
            paced,
            context,
            name=protocol,
            loss=loss(label[rows]),
        )
        measured = chosen if documents else divided.on("test")
        outputs, target = predict(model, Prepared(inputs, label, measured), context, plan.batch)
        found[protocol] = probability(outputs), target.numpy()
    figures = honest_figures(*found["honest"], divided)
    export(context, model, exhibit, figures, weights)
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented=documented_figures(
            *found["documented"], np.array(divided.group)[held], history["documented"], reported
        ),
        honest=figures,
        why=WHY,
        history=history,
        scores=(divided.scores("test", found["honest"][0]),),
        extra={"split_sha256": divided.sha256, "skipped": divided.skipped, "probes": probes(divided)},
    )


WHY = (
    "The document draws its validation pictures at random, so that versions of one photograph lie on both sides, reads "
    "files whose classes were saved by different programs, and reports the epoch that its own validation chose."
)


def made(photo: Photo, view: View, alike: bool) -> np.ndarray:
    """The view of one file, after a common compression when the protocol is the honest one."""
    image = open_rgb(photo.path)
    return view.make(compressed(image) if alike else image)


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
