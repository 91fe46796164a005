"""System U as its notebook runs it: seven versions of each forged picture, divided afterwards, scored pixel by pixel.

Pictures and masks are resized to a square first (Lanczos), error levels taken of that at quality 98. Versions are the
picture, both flips, the transposed, a turned, an optically and an elastically distorted one; 15 % of all versions are
held out at random, so versions of one picture are on both sides. The network gives three mask channels and learns with
plain SGD (0.01) and cross-entropy. Its masks are white where nothing was changed.

The figure is Keras' binary accuracy, which asks for equality with the target. Reduced masks have grey pixels along the
edges, and those are wrong whatever the network says. Why the document stops at 71 % is not known: with 25 % untouched
pictures held out, a white mask that is not exactly 1 after reading would limit it to about that (inferred).

Deviation: a mask is drawn in black and white before it is reduced, in one channel that is repeated; distortions are
ours (`augment.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from detection.forensics.ela import ela
from detection.networks.unet import UNet
from ml.recipes.augment import VERSIONS, version
from ml.recipes.base import Context
from ml.recipes.data import open_rgb, prepare
from ml.recipes.initial import he
from ml.recipes.loop import Plan, fit, predict
from ml.sources import Photo
from ml.sources.masks import mask_of

HELD_OUT = 0.15
QUALITY = 98
RATE = 0.01
CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of resized pictures with their masks. inputs: (N, S, S, 3) uint8; masks: (N, S, S, 1) uint8, 255 where
    untouched; rows: (M, 2) picture and number of the version."""

    inputs: np.ndarray
    masks: np.ndarray
    rows: np.ndarray
    seed: int

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """Error levels (B, 3, S, S) in 0..1 and masks of the same shape; nothing depends on rng."""
        levels, masks = [], []
        for picture, number in self.rows[rows]:
            drawn = np.random.default_rng([self.seed, int(picture), int(number)])
            image, mask = version(self.inputs[picture], self.masks[picture, ..., 0], int(number), drawn)
            levels.append(ela(Image.fromarray(image), quality=QUALITY))
            masks.append(mask)
        x = torch.from_numpy(np.stack(levels)).permute(0, 3, 1, 2).float() / 255
        target = torch.from_numpy(np.stack(masks))[:, None].float() / 255
        return x, target.expand(-1, CHANNELS, -1, -1)


def versions_of(label: np.ndarray) -> np.ndarray:
    """(M, 2) picture and version: seven of each fake, one of each real picture. label: (N,) 1 is fake."""
    return np.array([(i, k) for i, fake in enumerate(label) for k in range(VERSIONS if fake else 1)])


def resized(photo: Photo, side: int) -> np.ndarray:
    """(side, side, 3) uint8 of one file."""
    return np.asarray(open_rgb(photo.path).resize((side, side), Image.Resampling.LANCZOS))


def untouched(photo: Photo, side: int) -> np.ndarray:
    """(side, side, 1) uint8, 255 where nothing was changed, with grey edges, as a reduced mask has them."""
    with Image.open(photo.path) as image:
        size = image.size
    forged = mask_of(photo, size)
    if forged is None:
        raise ValueError(f"{photo.path} has no mask: expected one")
    drawn = Image.fromarray(np.where(forged, 0, 255).astype(np.uint8))
    return np.asarray(drawn.resize((side, side), Image.Resampling.LANCZOS))[..., None]


def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
    """Of every pixel and channel. outputs: (B, 3, S, S) logits; target: the same shape in 0..1."""
    return F.binary_cross_entropy_with_logits(outputs.float(), target)


def keras_accuracy(outputs: Tensor, target: Tensor) -> dict[str, float]:
    """Share of values whose rounded probability *equals* the target."""
    return {"accuracy": float(((outputs > 0).float() == target).float().mean())}


def as_documented(
    context: Context, photos: Sequence[Photo], label: np.ndarray
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The document's figure under its protocol, what constant masks reach there, and the history."""
    side = context.budget.side
    inputs = prepare(photos, "pictures", (side, side, 3), lambda photo: resized(photo, side), context)
    masks = prepare(photos, "untouched", (side, side, 1), lambda photo: untouched(photo, side), context)
    rows = np.random.default_rng(context.seed).permutation(versions_of(label))
    held = round(HELD_OUT * len(rows))
    train, validation = (Versions(inputs, masks, part, context.seed) for part in (rows[held:], rows[:held]))
    network = UNet(outputs=CHANNELS)
    he(network, context.seed)
    plan = Plan(
        epochs=context.budget.epochs,
        batch=context.budget.batch,
        optimiser=lambda parameters: torch.optim.SGD(parameters, lr=RATE),
    )
    history = fit(
        network,
        train,
        validation,
        plan,
        context,
        name="documented",
        loss=cross_entropy,
        measure=keras_accuracy,
    )
    outputs, target = predict(network, validation, context, plan.batch)
    return {
        "accuracy": round(keras_accuracy(outputs, target)["accuracy"], 4),
        "untouched_everywhere_accuracy": round(float((target == 1).float().mean()), 4),
        "grey_share_that_no_call_equals": round(float(((target > 0) & (target < 1)).float().mean()), 4),
        "share_of_untouched_pictures": round(float((label[validation.rows[:, 0]] == 0).mean()), 4),
    }, history
