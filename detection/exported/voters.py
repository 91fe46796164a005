"""The five voters of a bundle in ONNX Runtime. No torch."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from detection.bundle import Bundle
from detection.exported.files import CELLS_INPUT, views_of
from detection.exported.runtime import Runtime
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import cells_in_one
from detection.views import cuts
from detection.voters import Voters


class ExportedVoters(Voters):
    """ONNX Runtime's engine: everything in float32, standardisation and the stack included."""

    engine = "onnxruntime"

    def __init__(
        self, bundle: Bundle, runtime: Runtime, *, shift: float = 0.0, threads: int | None = None
    ) -> None:
        """bundle: verified by `detection.bundle.read`; runtime: of its export. threads: one per core by default."""
        super().__init__(bundle, shift)
        self._runtime = runtime
        self._views = views_of(bundle)
        self.open_lanes(threads)

    def _probabilities(
        self,
        images: Sequence[Image.Image],
        frames: Sequence[FaceFrame | None],
        cells: Sequence[np.ndarray | None],
    ) -> list[list[float]]:
        cut = cuts(images, list(self._views.values()), frames)
        inputs = {name: cut[view] for name, view in self._views.items()}
        if self.bundle.stack_input:
            inputs[CELLS_INPUT] = cells_in_one(cells)
        found: list[list[float]] = self._runtime.probabilities(inputs).tolist()
        return found
