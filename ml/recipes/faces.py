"""Shared by T1 to T4: RFF's real and forged faces at one size, and the same training under two protocols.

*documented*: files drawn at random 80:10:10, the figure of the best epoch on validation. *honest*: near-duplicates
grouped (RFF's fakes are made from its reals), the epoch chosen on validation, the test side measured once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as V

from ml.evaluation import class_means
from ml.evaluation.metrics import wilson
from ml.recipes.base import Context, Results
from ml.recipes.data import Prepared, divide, label_of, open_rgb, prepare
from ml.recipes.forensic import honest_figures
from ml.recipes.loop import Examples, Loss, Measure, Plan, accuracy, cross_entropy, fit, predict, probability
from ml.recipes.probes import probes
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
    """One of the document's systems. network and weights come from `make`; enlarge sees the training rows only."""

    make: Callable[[Context], tuple[nn.Module, str]]
    plan: Plan
    reported: Mapping[str, float]
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
    enlarge: Callable[[Prepared, int], Examples] = field(default=lambda train, seed: train)
    loss: Loss = cross_entropy
    measure: Measure = accuracy


def two_draws(context: Context, photos: Sequence[Photo], system: System) -> Results:
    """Trains on the document's random draw and on the grouped split, and measures each by its own protocol."""
    divided = divide(photos, context)
    side, label = context.budget.side, label_of(divided.photos)
    inputs = prepare(divided.photos, "faces", (side, side, 3), partial(pixels, side=side), context)
    drawn = documented_draw(label, context.seed)
    grouped = {name: divided.on(name) for name in ("train", "validation", "test")}
    found, history, weights = {}, {}, ""
    for protocol, rows in (("documented", drawn), ("honest", grouped)):
        network, weights = system.make(context)
        train = Prepared(inputs, label, rows["train"], system.augment)
        validation = Prepared(inputs, label, rows["validation"])
        history[protocol] = fit(
            network,
            system.enlarge(train, context.seed),
            validation,
            system.plan,
            context,
            name=protocol,
            loss=system.loss,
            measure=system.measure,
        )
        measured = validation if protocol == "documented" else Prepared(inputs, label, rows["test"])
        outputs, target = predict(network, measured, context, system.plan.batch)
        found[protocol] = probability(outputs), target.numpy()
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented={"metric": "validation, best epoch, random draw"}
        | {"reported": dict(system.reported)}
        | called(*found["documented"]),
        honest=honest_figures(*found["honest"], divided),
        why=WHY,
        history=history,
        scores=(divided.scores("test", found["honest"][0]),),
        extra={
            "split_sha256": divided.sha256,
            "skipped": divided.skipped,
            "probes": probes(divided),
            "faces": class_means.write(
                class_means.class_mean_faces(label, lambda rows: inputs[rows]), context.out
            ),
        },
    )


def pixels(photo: Photo, side: int) -> np.ndarray:
    """(side, side, 3) uint8 of one file."""
    return np.asarray(open_rgb(photo.path).resize((side, side), Image.Resampling.BICUBIC))


def documented_draw(label: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows of a random, stratified 80:10:10 draw of single files."""
    rows = np.arange(len(label))
    train, rest = train_test_split(rows, test_size=0.2, stratify=label, random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, stratify=label[rest], random_state=seed)
    return {"train": train, "validation": validation, "test": test}


def called(score: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Accuracy, recall and precision at one half. score, target: (N,)."""
    flagged, fake = score > 0.5, target == 1
    figures = {
        "accuracy": wilson(int((flagged == fake).sum()), len(target)).as_dict(),
        "recall": wilson(int(flagged[fake].sum()), int(fake.sum())).as_dict(),
    }
    if flagged.any():
        figures["precision"] = wilson(int(fake[flagged].sum()), int(flagged.sum())).as_dict()
    return figures


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
