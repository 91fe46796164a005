"""Positions of eyes, nose and mouth: index sets of the 468-point mesh, and boxes for close-ups."""

from functools import cache

import numpy as np
from PIL import Image

from detection.forensics.facemesh import FaceMesh

Box = tuple[float, float, float, float]

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327, 294, 278, 344, 48, 115, 64, 129, 358, 122, 351)
MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
CHEEKS = (50, 280, 205, 425, 187, 411, 123, 352)
OVAL: tuple[int, ...] = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
)
OVAL += (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)

CLOSE_UPS = {
    "eyes": LEFT_EYE + LEFT_BROW + RIGHT_EYE + RIGHT_BROW,
    "nose": NOSE,
    "mouth": MOUTH,
    "face": OVAL,
}
SCORE_MIN = 0.5  # the mesh's own probability that there is a face
LOOK_SIDE = 640
MARGIN = 0.25


@cache
def _mesh() -> FaceMesh:
    return FaceMesh()


def close_ups(image: Image.Image) -> dict[str, Box]:
    """Boxes (x, y, width, height) as fractions of the picture, around eyes, nose, mouth and face; empty without a face.

    Each is a quarter larger at every side than its points, and cut at the border. Raises MeshUnavailable.
    """
    small = image.copy()
    small.thumbnail((LOOK_SIDE, LOOK_SIDE))
    points, score = _mesh().points(np.asarray(small))
    if score < SCORE_MIN:
        return {}
    fractions = points / np.array(small.size)
    return {name: _box(fractions[list(part)]) for name, part in CLOSE_UPS.items()}


def _box(points: np.ndarray) -> Box:
    low, high = points.min(0), points.max(0)
    margin = (high - low) * MARGIN
    low, high = np.clip(low - margin, 0, 1), np.clip(high + margin, 0, 1)
    x, y = (round(float(v), 4) for v in low)
    width, height = (round(float(v), 4) for v in high - low)
    return x, y, width, height
