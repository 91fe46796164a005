"""Facial regions as index sets of the 468-point mesh, and their masks."""

import cv2
import numpy as np

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
