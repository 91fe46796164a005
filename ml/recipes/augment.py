"""Random augmentation of one training image with a given generator; a mask is changed in the same way."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

ELASTIC_PIXELS = 0.03  # largest shift / side
OPTICAL = 0.4  # largest radial coefficient
VERSIONS = 7  # of one picture, as in system U
WARP_SHARE = 0.25  # share of images for each of the two warps


def joint(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flips, transposition, quarter turns, elastic and optical distortion of image (S, S, 3) and mask (S, S), uint8."""
    for axis in (0, 1):
        if rng.integers(2):
            image, mask = np.flip(image, axis), np.flip(mask, axis)
    turns = int(rng.integers(4))
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if rng.integers(2):
        image, mask = image.transpose(1, 0, 2), mask.T
    drawn = rng.random()
    if drawn < WARP_SHARE:
        return _warped(image, mask, _elastic(len(mask), rng))
    if drawn < 2 * WARP_SHARE:
        return _warped(image, mask, _optical(len(mask), rng))
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def version(
    image: np.ndarray, mask: np.ndarray, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of the VERSIONS in which system U enters a forged picture: itself, mirrored left to right, upside down,
    transposed, turned by quarters, optically and elastically distorted. image: (S, S, 3), mask: (S, S), uint8."""
    if number >= 5:
        return _warped(image, mask, (_optical if number == 5 else _elastic)(len(mask), rng))
    turns = int(rng.integers(4))
    changed = (
        lambda a: a,
        lambda a: np.flip(a, 1),
        lambda a: np.flip(a, 0),
        lambda a: np.swapaxes(a, 0, 1),
        lambda a: np.rot90(a, turns),
    )[number]
    return np.ascontiguousarray(changed(image)), np.ascontiguousarray(changed(mask))


def _grid(side: int) -> Tensor:
    line = (torch.arange(side) + 0.5) * 2 / side - 1
    down, right = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([right, down], dim=-1)


def _elastic(side: int, rng: np.random.Generator) -> Tensor:
    """Smooth random shifts (Simard et al., 2003): a coarse field, upscaled."""
    coarse = torch.from_numpy(rng.uniform(-1, 1, (1, 2, 8, 8)).astype(np.float32))
    shift = F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True)[0]
    return _grid(side) + 2 * ELASTIC_PIXELS * shift.permute(1, 2, 0)


def _optical(side: int, rng: np.random.Generator) -> Tensor:
    """Barrel or pincushion: points move along their radius by k r^2, r^2 at most 1 in the corners."""
    grid = _grid(side)
    return grid * (1 + float(rng.uniform(-OPTICAL, OPTICAL)) * (grid**2).sum(-1, keepdim=True) / 2)


def _warped(image: np.ndarray, mask: np.ndarray, grid: Tensor) -> tuple[np.ndarray, np.ndarray]:
    def sample(array: np.ndarray, mode: str) -> np.ndarray:
        x = torch.from_numpy(np.array(array)).float()[None]
        warped = F.grid_sample(x, grid[None], mode=mode, padding_mode="reflection", align_corners=False)
        out: np.ndarray = warped[0].round().clamp(0, 255).byte().numpy()
        return out

    colour = sample(image.transpose(2, 0, 1), "bilinear").transpose(1, 2, 0)
    return np.ascontiguousarray(colour), sample(mask[None], "nearest")[0]


def flips_and_colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flips both ways, brightness, contrast, hue and saturation each by up to a tenth. (H, W, 3) uint8 RGB."""
    for axis in (0, 1):
        if rng.integers(2):
            image = np.flip(image, axis)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    x = (x.float() / 255 + float(rng.uniform(-0.1, 0.1))).clamp(0, 1)
    x = V.adjust_contrast(x, float(rng.uniform(0.9, 1.1)))
    x = V.adjust_hue(x, float(rng.uniform(-0.1, 0.1)))
    x = V.adjust_saturation(x, float(rng.uniform(0.9, 1.1)))
    return np.ascontiguousarray((x * 255).round().byte().permute(1, 2, 0).numpy())
