"""Mean, standard deviation and absolute difference of the two classes' faces: system T, section 3.2."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

BLOCK = 256
NAMES = ("mean_real", "mean_fake", "deviation_real", "deviation_fake", "difference")


def class_mean_faces(label: np.ndarray, images: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """NAMES -> (H, W, 3) float64 in grey levels; both classes must be present. images(rows): (B, H, W, 3) uint8.

    Memory is limited to one block of pictures.
    """
    found = {}
    for name, value in (("real", 0), ("fake", 1)):
        rows = np.flatnonzero(label == value)
        total, squares = 0.0, 0.0
        for start in range(0, len(rows), BLOCK):
            part = images(rows[start : start + BLOCK]).astype(np.float64)
            total, squares = total + part.sum(0), squares + (part**2).sum(0)
        mean = np.asarray(total) / len(rows)
        found[f"mean_{name}"] = mean
        found[f"deviation_{name}"] = np.sqrt(np.maximum(np.asarray(squares) / len(rows) - mean**2, 0))
    return found | {"difference": np.abs(found["mean_real"] - found["mean_fake"])}


def write(faces: dict[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Writes PNGs and returns NAMES -> file name. Deviation and difference are stretched to the full range."""
    names = {}
    for name in NAMES:
        picture = faces[name]
        if not name.startswith("mean"):
            picture = picture * 255 / max(1e-9, float(picture.max()))
        names[name] = f"{name}.png"
        Image.fromarray(picture.round().astype(np.uint8)).save(folder / names[name])
    return names
