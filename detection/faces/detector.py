"""What a face detector promises. `mediapipe.py` is the one in use; another one needs only a file like it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from detection.faces.picture import Picture

Point = tuple[float, float]


class FaceModelMissing(RuntimeError):
    """The detector's weights or its runtime are not installed; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Box:
    """Edges in pixels of the upright picture; parts of a face may lie outside of it."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles in degrees; all are 0 for an upright face that looks into the camera.

    yaw: positive when the head turns to its own left. pitch: positive when it looks down. roll: positive when it leans
    clockwise in the picture; 180 for an upside-down face.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Points in pixels of the upright full picture; pixel i covers i to i + 1. Right and left are the person's own.

    nose, mouth and outline: (n, 2) float32. mesh: (468, 2) float32 in the order of MediaPipe's face mesh, or None from
    a detector that has no mesh.
    """

    right_eye_outer: Point
    left_eye_outer: Point
    nose: np.ndarray
    mouth: np.ndarray
    outline: np.ndarray
    mesh: np.ndarray | None = None

    @property
    def eye_distance(self) -> float:
        """Pixels between the outer eye corners."""
        (rx, ry), (lx, ly) = self.right_eye_outer, self.left_eye_outer
        return float(np.hypot(lx - rx, ly - ry))


@dataclass(frozen=True, slots=True)
class Face:
    """A face; `confidence` in 0..1 is the detector's own probability that it is one."""

    box: Box
    confidence: float
    landmarks: Landmarks
    pose: Pose

    @property
    def length(self) -> float:
        """Pixels between the two points of the outline that lie furthest apart: the height of most faces.

        Unlike the eye distance, it hardly changes when the head turns to the side or leans.
        """
        outline = self.landmarks.outline
        apart = outline[:, None] - outline[None]
        return float(np.sqrt((apart * apart).sum(2).max()))


class FaceDetector(Protocol):
    """Safe to call from several threads."""

    def find(self, picture: "Image.Image | Picture") -> list[Face]:
        """All faces of an upright RGB picture of any size, the largest first; empty when there is none.

        `Picture.of` makes one of both. Raises FaceModelMissing.
        """
        ...
