"""Boxes around eyes, nose, mouth and face for close-ups."""

from collections.abc import Sequence

import numpy as np

from detection.faces.detector import Face
from detection.faces.mesh import LEFT_BROW, LEFT_EYE, MOUTH, NOSE, OVAL, RIGHT_BROW, RIGHT_EYE

Box = tuple[float, float, float, float]

CLOSE_UPS = {
    "eyes": LEFT_EYE + LEFT_BROW + RIGHT_EYE + RIGHT_BROW,
    "nose": NOSE,
    "mouth": MOUTH,
    "face": OVAL,
}
MARGIN = 0.25


def close_ups(faces: Sequence[Face], size: tuple[int, int]) -> dict[str, Box]:
    """Boxes (x, y, width, height) as fractions of a picture of that width and height, around the eyes, nose, mouth and
    outline of the first face; empty without a face or a mesh.

    Each is a quarter larger at every side than its points, and cut at the border.
    """
    points = faces[0].landmarks.mesh if faces else None
    if points is None:
        return {}
    fractions = points / np.array(size)
    return {name: _box(fractions[list(part)]) for name, part in CLOSE_UPS.items()}


def _box(points: np.ndarray) -> Box:
    low, high = points.min(0), points.max(0)
    margin = (high - low) * MARGIN
    low, high = np.clip(low - margin, 0, 1), np.clip(high + margin, 0, 1)
    x, y = (round(float(v), 4) for v in low)
    width, height = (round(float(v), 4) for v in high - low)
    return x, y, width, height
