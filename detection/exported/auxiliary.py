"""An auxiliary model in ONNX Runtime: its score and threshold, for pictures that would be cleared. No torch."""

import numpy as np
from PIL import Image

from detection.auxiliary_files import COMPRESSION, FACE_EXTENT
from detection.bundle import FACE, View
from detection.exported.files import Export
from detection.exported.runtime import Runtime
from detection.faces.align import FaceFrame
from detection.views import FaceFrameMissing, crop

INPUT = "seen"


class ExportedAuxiliary:
    """As `AuxiliaryModel` for one that looks at the face or its compression; no mask, no words for reviewers."""

    def __init__(self, export: Export, runtime: Runtime) -> None:
        self.name = str(export.about["name"])
        self.review_above = float(export.about["review_above"])
        self._reads_compression = export.about["view"] == COMPRESSION
        self._side = export.inputs[INPUT][0]
        self._runtime = runtime

    def score(
        self, image: Image.Image, frame: FaceFrame | None = None, cells: np.ndarray | None = None
    ) -> float | None:
        """Probability of *fake* in 0..1, None where the model can say nothing. As `AuxiliaryModel.score`.

        Raises FaceFrameMissing.
        """
        if frame is None:
            raise FaceFrameMissing([0])
        if self._reads_compression:
            seen = cells
        else:
            picture = image if image.mode == "RGB" else image.convert("RGB")
            seen = crop(picture, View(self._side, FACE_EXTENT, frame=FACE), frame)
        return None if seen is None else float(self._runtime.probabilities({INPUT: seen[None]})[0, 0])
