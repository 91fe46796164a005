"""A very short fine-tuning run on a few small pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from ml.pictures import Picture, PictureStore, write_pictures
from ml.training.fine_tuning import Course, fine_tune
from ml.training.windows import WindowSampler

VIEW = View(64, 1.0)
COURSE = Course(steps=6, batch=8, warmup=2, own=0.5, mask_weight=1.0, margin_weight=0.5, report_every=2)


def pictures(folder: Path) -> PictureStore:
    """Grey noise; what is forged has a bright square, which a few steps can learn."""
    rng, rows = np.random.default_rng(0), []
    for number in range(24):
        label, own = number % 2, number < 8
        image = rng.integers(60, 120, (80, 80, 3), dtype=np.uint8)
        mask = np.zeros((80, 80), np.uint8)
        if label:
            image[30:50, 30:50] += 130
            mask[30:50, 30:50] = 255
        made = bool(label) and not own
        rows.append(
            Picture(image, mask, label, made, True, number, "k", "file" if own else "none", 0.5, 130.0 * made)
        )
    return write_pictures(folder, rows)


def trained(folder: Path, kept: Path, course: Course = COURSE, **how: Any) -> tuple[WithMaskHead, list]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tiny = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}
    model = WithMaskHead(convnext("convnext_zepto_rms_ols", **tiny))
    sampler = WindowSampler(PictureStore(folder), VIEW, own=course.own, batch=course.batch, seed=course.seed)
    return fine_tune(model, sampler, course, kept, **how)
