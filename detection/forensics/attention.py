"""Attention: which detail of the picture raises the members' probability of *fake*.

Integrated gradients (Sundararajan, Taly and Yan, 2017) from a blurred copy to the picture, so the values of
all pixels add up to the detail's contribution to the members' mean log-odds of *fake*. Occluding parts
instead would add seams, which good members take for a forgery.
"""

from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn

from detection.bundle import View
from detection.ensemble import Ensemble, members
from detection.faces.align import FaceFrame
from detection.preprocess import standardise
from detection.views import crop, places

GRID = 32
STEPS = 8
BLUR = 1 / 16  # of the side that a member sees
FAINT = 0.02  # log-odds; a smaller sum is noise

_kept: WeakKeyDictionary[Ensemble, list[nn.Module]] = WeakKeyDictionary()


def attribution(ensemble: Ensemble, image: Image.Image, frame: FaceFrame | None = None) -> np.ndarray:
    """The contribution of each cell's detail to the members' mean log-odds of *fake*: (GRID, GRID) float32,
    top row first.

    frame: needed when the bundle `sees_faces`. Zero outside the members' views; negative where detail indicates
    *real*. Raises FaceFrameMissing.
    """
    heat = np.zeros((GRID, GRID), np.float32)
    networks = _networks(ensemble)
    for member, network in zip(ensemble.bundle.members, networks, strict=True):
        values = _integrated(network, image, member.view, frame) / (member.temperature * len(networks))
        _add_heat(heat, values, image.size, places(image.size, member.view, frame))
    padded = np.pad(heat, 1)
    around = [padded[y : y + GRID, x : x + GRID] for y in range(3) for x in range(3)]
    return np.asarray(np.mean(around, axis=0), dtype=np.float32)


def _networks(ensemble: Ensemble) -> list[nn.Module]:
    if ensemble not in _kept:
        _kept[ensemble] = members(ensemble.bundle)
    return _kept[ensemble]


def _integrated(network: nn.Module, image: Image.Image, view: View, frame: FaceFrame | None) -> np.ndarray:
    """Each pixel's contribution to a member's logit difference, (side, side) float32."""
    near = torch.from_numpy(crop(image, view, frame).copy()).float()
    soft = Image.fromarray(near.byte().numpy()).filter(ImageFilter.GaussianBlur(view.side * BLUR))
    detail = near - torch.from_numpy(np.array(soft)).float()
    shares = (torch.arange(STEPS) + 0.5) / STEPS
    points = (near - detail)[None] + shares[:, None, None, None] * detail[None]
    points.requires_grad_(True)
    logits = network(standardise(points))
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), points)
    return np.asarray((gradient.mean(0) * detail).sum(-1).numpy())


def _add_heat(heat: np.ndarray, values: np.ndarray, size: tuple[int, int], positions: np.ndarray) -> None:
    """Add a view's pixels to the cells of the whole picture in which they lie; (side, side, 2) `positions` are theirs
    in the picture."""
    cells = np.floor(positions / np.array(size) * GRID).astype(int)
    inside = ((cells >= 0) & (cells < GRID)).all(-1)
    np.add.at(heat, (cells[inside, 1], cells[inside, 0]), values[inside])


def overlay(heat: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """The positive part of a map as an orange overlay, RGBA; fully transparent when it is weak."""
    strength = np.clip(heat, 0, None)
    alpha = np.zeros_like(strength) if is_faint(heat) else strength / float(strength.max())
    field = Image.fromarray(np.rint(alpha * 225).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    tinted = Image.new("RGBA", size, (255, 106, 0, 0))
    tinted.putalpha(field)
    return tinted


def is_faint(heat: np.ndarray) -> bool:
    return float(np.clip(heat, 0, None).sum()) < FAINT
