"""MediaPipe's face mesh (Kartynnik et al., 2019): 468 points of the face in a square, and which point is where."""

import math

import numpy as np

from detection.faces.align import Square
from detection.faces.detector import Box, Face, Landmarks, Pose
from detection.faces.interpreters import run

FILE = "face_landmark.tflite"
SIDE = 192
POINTS = 468
# The mesh was trained on squares half again as large as the face.
LOOK_MARGIN = 1.5
# Degrees by which the mesh of a head held level leans: the median of 400 frontal portraits.
LEVEL_PITCH = 8.0

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
RIGHT_CHEEK, LEFT_CHEEK, FOREHEAD, CHIN = 234, 454, 10, 152

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327, 294, 278, 344, 48, 115, 64, 129, 358, 122, 351)
MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
CHEEKS = (50, 280, 205, 425, 187, 411, 123, 352)
# Around the face, clockwise in the picture from the top of the forehead.
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


def look(pixels: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
    """(468, 3) float32 pixels of the picture, the third away from the camera, and the presence of a face in 0..1.

    pixels: (SIDE, SIDE, 3) uint8 RGB, what `square` of the picture shows.
    """
    raw, logit = run(FILE, np.multiply(pixels, np.float32(1 / 255), dtype=np.float32))
    points = raw.reshape(POINTS, 3) / SIDE
    flat = square.to_picture(points[:, :2])
    presence = 1 / (1 + math.exp(-float(np.clip(logit[0], -50, 50))))
    return np.concatenate([flat, points[:, 2:] * square.edge], 1).astype(np.float32), presence


def square_around(points: np.ndarray) -> Square:
    """The upright-face square in which the mesh should look next, from the (468, 3) points that it found."""
    right, left = points[RIGHT_EYE_OUTER, :2], points[LEFT_EYE_OUTER, :2]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    upright = points[:, :2] @ turn
    low, high = upright.min(0), upright.max(0)
    x, y = turn @ ((low + high) / 2)
    return Square(float(x), float(y), max(8.0, LOOK_MARGIN * float((high - low).max())), angle)


def face(points: np.ndarray, confidence: float) -> Face:
    """A Face from the (468, 3) points of `look`."""
    flat = points[:, :2]
    (left, top), (right, bottom) = flat.min(0).tolist(), flat.max(0).tolist()
    right_eye, left_eye = (flat[i].tolist() for i in (RIGHT_EYE_OUTER, LEFT_EYE_OUTER))
    landmarks = Landmarks(
        right_eye_outer=(right_eye[0], right_eye[1]),
        left_eye_outer=(left_eye[0], left_eye[1]),
        nose=flat[list(NOSE)],
        mouth=flat[list(MOUTH)],
        outline=flat[list(OVAL)],
        mesh=flat,
    )
    return Face(Box(left, top, right, bottom), confidence, landmarks, _pose(points))


def _pose(points: np.ndarray) -> Pose:
    """From the mesh's own depth, which has the scale of its width."""
    right, left = points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER]
    roll = math.atan2(left[1] - right[1], left[0] - right[0])
    across = points[LEFT_CHEEK] - points[RIGHT_CHEEK]
    down = points[CHIN] - points[FOREHEAD]
    yaw = math.atan2(across[2], math.hypot(across[0], across[1]))
    pitch = math.atan2(down[2], math.hypot(down[0], down[1]))
    yaw, pitch, roll = (math.degrees(angle) for angle in (yaw, pitch, roll))
    return Pose(round(yaw, 1), round(pitch - LEVEL_PITCH, 1), round(roll, 1))
