"""Shared by T1 to T4: RFF's real and forged faces at one size, and the same training under two protocols.

*documented*: files drawn at random 80:10:10, the best epoch's figures on validation and on test. *honest*:
near-duplicates grouped (RFF's fakes are made from its reals), the epoch chosen on validation, the test side measured
once. T3 has a third, *reshuffled* (`reshuffled.py`), which is how its document was probably split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.stats import hypergeom
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as V

from ml.evaluation import class_means
from ml.evaluation.metrics import missing, rate, share
from ml.recipes.base import Context, Results
from ml.recipes.data import Augment, Prepared, divide, label_of, open_rgb, prepare
from ml.recipes.forensic import honest_figures
from ml.recipes.initial import SCRATCH
from ml.recipes.loop import (
    Examples,
    Loss,
    Measure,
    Plan,
    Redrawn,
    accuracy,
    cross_entropy,
    fit,
    predict,
    probability,
)
from ml.recipes.probes import probes
from ml.recipes.reshuffled import (
    SHARES,
    Reshuffled,
    neighbour_under_reshuffling,
    neighbours_call,
    thumbnails,
)
from ml.recipes.scenes import scene
from ml.sources import Photo

LAYOUT = "training_real/ and training_fake/ of Real and Fake Face Detection (or a folder rff/ with both)"
SOURCE = "004: Identifying Photoshop in Facial Images"
TURN = 0.2  # of a whole turn, both ways
WHY = (
    "The document draws its validation faces at random, so that an RFF fake and the real face it was made from lie on "
    "both sides, and reports the epoch that its own validation chose; ours groups near-duplicates and measures once."
)


@dataclass(frozen=True, slots=True)
class System:
    """One of the document's systems. network and weights come from `make`; enlarge sees the training rows only.

    stratified: whether the document's draw is; needs: the weights without which its protocol cannot be run; reshuffled:
    whether to run that protocol, too; further(score, target) -> further rows of the validation side.
    """

    make: Callable[[Context], tuple[nn.Module, str]]
    plan: Plan
    reported: Mapping[str, float]
    augment: Augment | None = None
    enlarge: Callable[[Prepared, int], Examples] = field(default=lambda train, seed: train)
    loss: Loss = cross_entropy
    measure: Measure = accuracy
    stratified: bool = False
    samplewise: bool = False
    needs: str | None = None
    reshuffled: bool = False
    further: Callable[[np.ndarray, np.ndarray], Mapping[str, Any]] = field(default=lambda score, target: {})


@dataclass(frozen=True, slots=True)
class Faces:
    """The pictures of a run. inputs: (N, S, S, 3) uint8; label: (N,); group: (N,) str."""

    context: Context
    system: System
    inputs: np.ndarray
    label: np.ndarray
    group: np.ndarray

    def rows(self, numbers: np.ndarray, augment: Augment | None = None) -> Prepared:
        return Prepared(self.inputs, self.label, numbers, augment, self.system.samplewise)

    def train(
        self, name: str, train: Examples | Redrawn, validation: Examples | Redrawn
    ) -> tuple[nn.Module, str, list[dict[str, float]]]:
        """The network with its best epoch's weights, what it started from, its history."""
        network, weights = self.system.make(self.context)
        system = self.system
        history = fit(
            network,
            train,
            validation,
            system.plan,
            self.context,
            name=name,
            loss=system.loss,
            measure=system.measure,
        )
        return network, weights, history

    def predict(self, network: nn.Module, rows: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Probability of fake and label of each row."""
        outputs, target = predict(network, rows, self.context, self.system.plan.batch)
        return probability(outputs), target.numpy()


def two_draws(context: Context, photos: Sequence[Photo], system: System) -> Results:
    """Trains on the document's random draw and on the grouped split, and measures each by its own protocol."""
    divided = divide(photos, context)
    side, label = context.budget.side, label_of(divided.photos)
    inputs = prepare(divided.photos, "faces", (side, side, 3), partial(pixels, side=side), context)
    faces = Faces(context, system, inputs, label, np.array(divided.group))
    small = thumbnails(inputs)
    documented, history, weights = as_documented(faces, small)
    if system.reshuffled:
        more_figures, more_history = reshuffled(faces, small)
        documented, history = documented | more_figures, history | more_history
    grouped = {name: divided.on(name) for name in ("train", "validation", "test")}
    network, _, history["honest"] = faces.train(
        "honest",
        system.enlarge(faces.rows(grouped["train"], system.augment), context.seed),
        faces.rows(grouped["validation"]),
    )
    score, target = faces.predict(network, faces.rows(grouped["test"]))
    nearest = neighbours_call(small, label, grouped["train"], grouped["test"])
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented={"metric": "validation and test, best epoch, random draw of files"}
        | {"reported": dict(system.reported)}
        | documented,
        honest=honest_figures(score, target, divided)
        | {"nearest_neighbour_accuracy": share(nearest == target, faces.group[grouped["test"]]).as_dict()},
        why=WHY,
        history=history,
        scores=(divided.scores("test", score),),
        extra={
            "split_sha256": divided.sha256,
            "skipped": divided.skipped,
            "probes": probes(divided),
            "faces": class_means.write(
                class_means.class_mean_faces(label, lambda rows: inputs[rows]), context.out
            ),
        },
    )


def as_documented(
    faces: Faces, small: np.ndarray
) -> tuple[dict[str, Any], dict[str, list[dict[str, float]]], str]:
    """The document's own draw: figures on validation and on test, history, and what the network started from."""
    system, seed = faces.system, faces.context.seed
    drawn = documented_draw(faces.label, seed, stratified=system.stratified)
    network, weights, history = faces.train(
        "documented",
        system.enlarge(faces.rows(drawn["train"], system.augment), seed),
        faces.rows(drawn["validation"]),
    )
    figures: dict[str, Any] = {}
    for prefix, part in (("", "validation"), ("test_", "test")):
        score, target = faces.predict(network, faces.rows(drawn[part]))
        part_figures = rates_at_half(score, target, faces.group[drawn[part]])
        if part == "validation":
            part_figures |= system.further(score, target)
        figures |= {prefix + name: figure for name, figure in part_figures.items()}
    if system.needs and weights == SCRATCH:
        figures = without_weights(figures, system.reported, system.needs)
    nearest = neighbours_call(small, faces.label, drawn["train"], drawn["validation"])
    right = nearest == faces.label[drawn["validation"]]
    figures["nearest_neighbour_accuracy"] = share(right, faces.group[drawn["validation"]]).as_dict()
    return figures, {"documented": history}, weights


def without_weights(figures: Mapping[str, Any], reported: Mapping[str, float], needs: str) -> dict[str, Any]:
    """Figures of a run from scratch under names that say so, and the document's, which were not run."""
    absent = missing(f"not run: needs {needs}, which this run did not have (--weights FILE)")
    return dict.fromkeys(reported, absent) | {f"{name}_from_scratch": f for name, f in figures.items()}


def reshuffled(faces: Faces, small: np.ndarray) -> tuple[dict[str, Any], dict[str, list[dict[str, float]]]]:
    """The same training where every pass draws its rows again from all, with the nearest neighbour's figure."""
    seed, system = faces.context.seed, faces.system
    parts = {
        part: Reshuffled(faces.inputs, faces.label, part, seed, system.augment if part == "train" else None)
        for part in SHARES
    }
    network, _, history = faces.train("reshuffled", parts["train"], parts["validation"])
    best = int(np.argmax([row["accuracy"] for row in history]))
    figures = {"nearest_neighbour_accuracy_reshuffled": neighbour_under_reshuffling(small, faces.label, seed)}
    for prefix, part in (("", "validation"), ("test_", "test")):
        score, target = faces.predict(network, parts[part].in_epoch(best))
        figures[f"{prefix}accuracy_reshuffled"] = share((score > 0.5) == target)
    return {name: figure.as_dict() for name, figure in figures.items()}, {"reshuffled": history}


def pixels(photo: Photo, side: int) -> np.ndarray:
    """(side, side, 3) uint8 of one file."""
    return np.asarray(open_rgb(photo.path).resize((side, side), Image.Resampling.BICUBIC))


def documented_draw(label: np.ndarray, seed: int, *, stratified: bool) -> dict[str, np.ndarray]:
    """Rows of a random 80:10:10 draw of single files; stratified: the same shares of both classes, as for T4 only."""
    rows = np.arange(len(label))
    train, rest = train_test_split(
        rows, test_size=0.2, stratify=label if stratified else None, random_state=seed
    )
    validation, test = train_test_split(
        rest, test_size=0.5, stratify=label[rest] if stratified else None, random_state=seed
    )
    return {"train": train, "validation": validation, "test": test}


def rates_at_half(score: np.ndarray, target: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any]:
    """Accuracy, recall and precision at one half. score, target: (N,); group: (N,) whose picture it is."""
    flagged, fake = score > 0.5, target == 1
    groups = np.arange(len(target)) if group is None else group
    return {
        "accuracy": share(flagged == fake, groups).as_dict(),
        "recall": rate(flagged[fake], groups[fake], "no fake on this side"),
        "precision": rate(fake[flagged], groups[flagged], "no picture was called fake"),
    }


def random_vote(hits: int, flagged: int, fakes: int, pictures: int, epochs: int) -> dict[str, float]:
    """Chance that a vote at random finds as many fakes, in one epoch and in the best of all (taken as independent).

    hits of `flagged` pictures are fake, among `pictures` with `fakes` fakes.
    """
    once = float(hypergeom.sf(hits - 1, pictures, fakes, flagged))
    return {
        "random_vote_as_good_once": round(once, 4),
        "random_vote_as_good_in_best_epoch": round(1 - (1 - once) ** epochs, 4),
    }


def recall_and_precision(outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Of the class *fake* at one half; precision is 0 when nothing is called fake."""
    flagged, fake = torch.from_numpy(probability(outputs)) > 0.5, target == 1
    hits = float((flagged & fake).sum())
    return {
        "recall": hits / max(1.0, float(fake.sum())),
        "precision": hits / max(1.0, float(flagged.sum())),
    }


def flips_and_turn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flips both ways and a rotation of up to a fifth of a turn, edges reflected as Keras does. (H, W, 3) uint8."""
    for axis in (0, 1):
        if rng.integers(2):
            image = np.flip(image, axis)
    height, width = image.shape[:2]
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    x = V.pad(x, [width // 2, height // 2], padding_mode="reflect")
    x = V.rotate(x, float(rng.uniform(-TURN, TURN)) * 360, interpolation=V.InterpolationMode.BILINEAR)
    return np.ascontiguousarray(V.center_crop(x, [height, width]).permute(1, 2, 0).numpy())


def write_rff(root: Path, count: int = 20, seed: int = 0) -> None:
    """`training_real` and `training_fake` with `count` pictures each; a fake has a pasted patch."""
    rng = np.random.default_rng(seed)
    for name in ("training_real", "training_fake"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = scene(rng, (80, 80))
            if name == "training_fake":
                picture.paste(scene(rng, (30, 20)), (20, 40))
            stem = f"real_{number:05}" if name == "training_real" else f"easy_{number}_0001"
            picture.save(root / name / f"{stem}.jpg", quality=90)
