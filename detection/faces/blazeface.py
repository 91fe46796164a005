"""BlazeFace (Bazarevsky et al., 2019): boxes and six key points of faces in one square look.

Its anchors and outputs are decoded as in MediaPipe's `ssd_anchors_calculator` and `tensors_to_detections_calculator`.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from detection.faces.align import Square
from detection.faces.interpreters import run

RIGHT_EYE, LEFT_EYE, NOSE_TIP, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)
SAME_FACE_OVERLAP = 0.3
# Of the box's longer edge: detections whose eyes and mouth lie further apart show two faces, one partly behind the
# other, although their boxes overlap.
SAME_FACE_DISTANCE = 0.25


@dataclass(frozen=True, slots=True)
class Layout:
    """A model's file, the side of its input in pixels, and its feature maps as (stride, anchors per cell)."""

    file: str
    side: int
    maps: tuple[tuple[int, int], ...]


SHORT_RANGE = Layout("face_detection_short_range.tflite", 128, ((8, 2), (16, 6)))
FULL_RANGE = Layout("face_detection_full_range_sparse.tflite", 192, ((4, 1),))


@dataclass(frozen=True, slots=True)
class Detection:
    """Positions in 0..1 of the square that was looked at. box: left, top, right, bottom; points: (6, 2)."""

    score: float
    box: np.ndarray
    points: np.ndarray


def look(pixels: np.ndarray, layout: Layout, score_min: float) -> list[Detection]:
    """Detections in (side, side, 3) uint8 RGB of at least `score_min`, best first."""
    regressors, logits = run(layout.file, pixels.astype(np.float32) / np.float32(127.5) - 1)
    return decode(regressors.reshape(-1, 16), logits, anchors(layout), layout.side, score_min)


def face_square(seen: Square, detection: Detection, margin: float) -> Square:
    """The square around a detection, turned as its eyes are; its edge is `margin` times the box's."""
    centre = seen.to_picture((detection.box[:2] + detection.box[2:])[None] / 2)[0]
    right, left = seen.to_picture(detection.points[[RIGHT_EYE, LEFT_EYE]])
    edge = float((detection.box[2:] - detection.box[:2]).max()) * seen.edge
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    return Square(float(centre[0]), float(centre[1]), max(8.0, margin * edge), angle)


@cache
def anchors(layout: Layout) -> np.ndarray:
    """(n, 2) centres in 0..1."""
    parts = []
    for stride, per_cell in layout.maps:
        cells = layout.side // stride
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        parts.append(np.repeat(centres, per_cell, axis=0))
    return np.concatenate(parts).astype(np.float32)


def decode(
    regressors: np.ndarray, logits: np.ndarray, centres: np.ndarray, side: int, score_min: float
) -> list[Detection]:
    """Detections of at least `score_min`, best first, each the weighted mean of those of the same face.

    regressors: (n, 16), logits: (n,), centres: (n, 2) from `anchors`.
    """
    keep = np.flatnonzero(logits >= np.log(score_min / (1 - score_min)))
    scores = 1 / (1 + np.exp(-logits[keep]))
    left = np.argsort(-scores)
    if not left.size:
        return []
    values = regressors[keep].reshape(-1, 8, 2) / side
    places = values + centres[keep, None]
    middle, half = places[:, 0], values[:, 1] / 2
    boxes = np.concatenate([middle - half, middle + half], 1)
    rows = np.concatenate([boxes, places[:, 2:].reshape(-1, 12)], 1)
    # The nose and the ears move most when a head turns; these three places suffice.
    points = places[:, [2 + RIGHT_EYE, 2 + LEFT_EYE, 2 + MOUTH]]
    found = []
    while left.size:
        best, others = left[0], left[1:]
        if others.size:
            apart = points[others] - points[best]
            apart = np.sqrt((apart * apart).sum(2)).mean(1)
            together = overlap(boxes[best], boxes[others]) > SAME_FACE_OVERLAP
            together &= apart < SAME_FACE_DISTANCE * values[best, 1].max()
            group, left = left[np.concatenate([[True], together])], others[~together]
        else:
            group, left = left, others
        mean = (rows[group] * scores[group, None]).sum(0) / scores[group].sum()
        found.append(Detection(float(scores[best]), mean[:4], mean[4:].reshape(6, 2)))
    return found


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with many (n, 4)."""
    common = np.maximum(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0)
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    width, height = np.maximum(box[2:] - box[:2], 0)
    shared = common[:, 0] * common[:, 1]
    return np.asarray(shared / np.maximum(width * height + sizes[:, 0] * sizes[:, 1] - shared, 1e-12))
