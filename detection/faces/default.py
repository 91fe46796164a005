"""The one place that chooses the face detector in use."""

from functools import cache

import numpy as np
from PIL import Image

from detection.faces.detector import Face, FaceDetector
from detection.faces.mediapipe import MediaPipeDetector


@cache
def default_detector() -> FaceDetector:
    """The detector that this process uses; its models are loaded at its first search."""
    return MediaPipeDetector()


def largest_face(image: Image.Image) -> Face | None:
    """The largest face of an upright RGB picture. Raises FaceModelMissing."""
    faces = default_detector().find(image)
    return faces[0] if faces else None


def largest_mesh(image: Image.Image) -> tuple[np.ndarray, float] | None:
    """The (468, 2) float32 mesh points, in pixels, and the confidence of the largest face; None without a face.

    Raises FaceModelMissing; ValueError when the detector in use has no mesh.
    """
    face = largest_face(image)
    if face is None:
        return None
    if face.landmarks.mesh is None:
        raise ValueError("the face detector in use gives no mesh, which forgeries by region need")
    return face.landmarks.mesh, face.confidence
