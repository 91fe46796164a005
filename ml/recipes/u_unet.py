"""Recipe U: ELA + U-Net mask (the document reports 70.97 % pixel accuracy on IFS-TC's phase 1 validation part).

*documented*: the notebook's own data, draw, network and figure (`u_documented.py`), next to what a constant mask
reaches there. *honest*: ELA at native size, after one compression of both classes, and reduced afterwards, because on
a resized picture it is meaningless; cross-entropy and Dice with Adam; pictures grouped, the test side measured once.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from detection.forensics.network_inputs import compressed, ela_smooth
from detection.networks.unet import UNet
from ml.evaluation.metrics import auc
from ml.evaluation.pixels import image_score, mean_over, pixel_figures
from ml.recipes.augment import joint
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.checkpoint import load_weights
from ml.recipes.data import Divided, divide, label_of, open_rgb, prepare
from ml.recipes.exporting import Exhibit, export
from ml.recipes.initial import SCRATCH, he
from ml.recipes.loop import Plan, fit, predict
from ml.recipes.probes import probes
from ml.recipes.scenes import write_casia
from ml.recipes.u_documented import as_documented
from ml.sources import Photo, SourceMissing, forged
from ml.sources.masks import mask_of

RATE = 1e-3
WHY = (
    "The document holds out versions of pictures that it trains on, and counts correct pixels of all pictures, nearly "
    "all of which are untouched, so that a constant mask does well; F1 counts forged pixels of forged pictures only."
)


EXHIBIT = Exhibit("u", "Where error levels differ", "unet", {}, "ela_smooth", "pictures with tamper masks")


@dataclass(frozen=True, slots=True)
class Masked:
    """Examples with masks. inputs: (M, S, S, 3) uint8; masks: (M, S, S, 1) uint8, 255 is forged; rows: those used."""

    inputs: np.ndarray
    masks: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        pairs = [(self.inputs[i], self.masks[i, ..., 0]) for i in self.rows[rows]]
        if rng is not None:
            pairs = [joint(image, mask, rng) for image, mask in pairs]
        x = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2).float() / 255
        return x, torch.from_numpy(np.stack([mask for _, mask in pairs]))[:, None].float() / 255


def mask_loss(outputs: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every pixel as in the document, plus one minus the batch's Dice overlap, without which
    a mask of zeros is a local optimum. outputs: (B, 1, H, W) logits; target: the same shape in 0..1."""
    outputs = outputs.float()
    p = torch.sigmoid(outputs)
    dice = (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
    return F.binary_cross_entropy_with_logits(outputs, target) + 1 - dice


def view(photo: Photo, side: int) -> np.ndarray:
    """The ELA image of one file."""
    return ela_smooth(compressed(open_rgb(photo.path)), side)


def mask(photo: Photo, side: int) -> np.ndarray:
    """(side, side, 1) uint8, 255 where forged."""
    found = mask_of(photo, (side, side))
    if found is None:
        raise SourceMissing(f"{photo.path} has no mask: expected one")
    return found[..., None].astype(np.uint8) * 255


def run(context: Context) -> Results:
    """Trains, chooses the epoch on validation, measures on test."""
    photos = [p for p in forged.read(context.data) if p.label == "real" or p.mask]
    divided = divide(photos, context)
    side = context.budget.side
    inputs = prepare(divided.photos, "ela", (side, side, 3), partial(view, side=side), context)
    masks = prepare(divided.photos, "masks", (side, side, 1), partial(mask, side=side), context)
    documented_figures, documented_history = as_documented(context, divided.photos, label_of(divided.photos))
    network = UNet()
    he(network, context.seed)
    weights = load_weights(network, context.weights) if context.weights else SCRATCH
    plan = Plan(
        epochs=context.budget.epochs,
        batch=context.budget.batch,
        optimiser=lambda parameters: torch.optim.Adam(parameters, lr=RATE),
    )
    train, validation, test = (Masked(inputs, masks, divided.on(s)) for s in ("train", "validation", "test"))
    history = fit(
        network, train, validation, plan, context, name="unet", loss=mask_loss, measure=pixel_figures
    )
    outputs, target = predict(network, test, context, plan.batch)
    score = image_score(outputs)
    figures = honest(outputs, target, score, divided)
    export(context, network, EXHIBIT, figures, weights)
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented={
            "metric": "validation, pixels that equal the mask, versions drawn at random",
            "reported": {"accuracy": 0.7097},
        }
        | documented_figures,
        honest=figures,
        why=WHY,
        history={"documented": documented_history, "unet": history},
        scores=(divided.scores("test", score),),
        extra={"split_sha256": divided.sha256, "skipped": divided.skipped, "probes": probes(divided)},
    )


def honest(outputs: Tensor, target: Tensor, score: np.ndarray, divided: Divided) -> dict[str, object]:
    """Test figures with intervals: F1 a forged picture, and the picture's own score."""
    rows = divided.on("test")
    group = np.array(divided.group)[rows]
    label = np.array([divided.photos[i].label == "fake" for i in rows], dtype=np.int64)
    figures = pixel_figures(outputs, target)
    every = torch.full_like(outputs, 9.0)
    return {
        "pixel_f1_forged_pictures": mean_over(outputs, target, group).as_dict(),
        "pixel_f1_calling_all_forged": mean_over(every, target, group).as_dict(),
        "pixel_accuracy": round(figures["pixel_accuracy"], 4),
        "nothing_forged": round(float((target < 0.5).float().mean()), 4),
        "auc": auc(label, score, group).as_dict(),
    }


RECIPE = Recipe(
    name="U",
    summary="ELA image into a U-Net, which pixels were changed",
    source="002: image manipulation detection, ELA + U-Net",
    layout="a folder of IFS-TC phase 1, CASIA with its ground truth, or CoMoFoD",
    reported="validation pixel accuracy 70.97 %",
    budget=Budget(epochs=10, batch=10, side=512),
    smoke=Budget(epochs=1, batch=8, side=64, images=20),
    run=run,
    sample=write_casia,
    steps="3,570 of 10 by its code; its log shows 12,750",
)
