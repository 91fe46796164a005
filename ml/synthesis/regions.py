"""Facial regions as index sets of the 468-point face mesh, and their masks."""

import cv2
import numpy as np

from detection.faces.mesh import (
    CHEEKS,
    LEFT_BROW,
    LEFT_EYE,
    MOUTH,
    NOSE,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
)

# A region is one or more parts; each part is the convex hull of its points.
REGIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "left_eye": (LEFT_EYE + LEFT_BROW,),
    "right_eye": (RIGHT_EYE + RIGHT_BROW,),
    "eyes": (LEFT_EYE + LEFT_BROW, RIGHT_EYE + RIGHT_BROW),
    "eye_band": (LEFT_EYE + LEFT_BROW + RIGHT_EYE + RIGHT_BROW,),
    "nose": (NOSE,),
    "mouth": (MOUTH,),
    "nose_mouth": (NOSE + MOUTH,),
    "eyes_mouth": (LEFT_EYE + LEFT_BROW, RIGHT_EYE + RIGHT_BROW, MOUTH),
    "inner_face": (LEFT_EYE + LEFT_BROW + RIGHT_EYE + RIGHT_BROW + NOSE + MOUTH + CHEEKS,),
    "face": (OVAL,),
}


def indices(region: str) -> np.ndarray:
    """Mesh indices of a region; ValueError names the known regions."""
    if region not in REGIONS:
        raise ValueError(f"unknown region {region}: choose one of {', '.join(REGIONS)}")
    return np.array([i for part in REGIONS[region] for i in part])


def mask_of(region: str, points: np.ndarray, shape: tuple[int, int], grow: float = 1.2) -> np.ndarray:
    """(H, W) uint8 mask, 255 inside the region's hulls, each grown about its centre by the factor `grow`.

    points: (468, 2) in pixels.
    """
    indices(region)
    mask = np.zeros(shape, np.uint8)
    for part in REGIONS[region]:
        outline = cv2.convexHull(points[list(part)].astype(np.float32))[:, 0]
        centre = outline.mean(0)
        cv2.fillConvexPoly(mask, np.round(centre + (outline - centre) * grow).astype(np.int32), 255)
    return mask
