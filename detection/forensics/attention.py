"""What the ensemble looked at: how much of its suspicion goes when a part of the picture is covered.

Occlusion sensitivity (Zeiler and Fergus, 2014) asks the networks only for their answers, so it holds for any member
and cannot drift from what is served.
"""

import numpy as np
import torch
from PIL import Image, ImageFilter

from detection.ensemble import Ensemble

GRID = 10
PATCH = 2  # cells covered at once, at each side
LOOK_SIDE = 256
BATCH = 27
FAINT = 0.02  # log-odds; a map below this is noise


def occlusion(ensemble: Ensemble, image: Image.Image) -> np.ndarray:
    """By how much covering each cell lowers the members' mean log-odds of *fake*: (GRID, GRID) float32, top row first.

    A cell's value is the mean over all patches that cover it; a blurred copy covers, which invents no edges. Negative
    values: covering makes the picture look more fake.
    """
    small = image.copy()
    small.thumbnail((LOOK_SIDE, LOOK_SIDE))
    blurred = small.filter(ImageFilter.GaussianBlur(max(small.size) / 12))
    xs, ys = (np.linspace(0, side, GRID + 1).round().astype(int) for side in small.size)
    places = [(i, j) for i in range(GRID - PATCH + 1) for j in range(GRID - PATCH + 1)]
    pictures = [small]
    for i, j in places:
        box = (int(xs[j]), int(ys[i]), int(xs[j + PATCH]), int(ys[i + PATCH]))
        covered = small.copy()
        covered.paste(blurred.crop(box), box)
        pictures.append(covered)
    odds = np.concatenate([_odds(ensemble, pictures[k : k + BATCH]) for k in range(0, len(pictures), BATCH)])
    total, count = np.zeros((GRID, GRID), np.float32), np.zeros((GRID, GRID), np.float32)
    for (i, j), drop in zip(places, odds[0] - odds[1:], strict=True):
        total[i : i + PATCH, j : j + PATCH] += drop
        count[i : i + PATCH, j : j + PATCH] += 1
    return total / count


def _odds(ensemble: Ensemble, pictures: list[Image.Image]) -> np.ndarray:
    """Mean over the members of their log-odds of *fake*, (B,)."""
    with torch.inference_mode():
        logits = ensemble.logits(pictures)
        scaled = [
            (column[:, 1] - column[:, 0]) / part.temperature
            for column, part in zip(logits, ensemble.bundle.parts, strict=False)
        ]
        return np.asarray(torch.stack(scaled).mean(0).cpu().numpy())


def overlay(heat: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """The positive part of a map as orange light of growing density, RGBA; fully transparent when it is faint."""
    strength = np.clip(heat, 0, None)
    top = float(strength.max())
    alpha = np.zeros_like(strength) if top < FAINT else strength / top
    field = Image.fromarray(np.rint(alpha * 225).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    tinted = Image.new("RGBA", size, (255, 106, 0, 0))
    tinted.putalpha(field)
    return tinted
