"""The five voters of a bundle in ONNX Runtime. No torch."""

from collections.abc import Sequence

from PIL import Image

from detection.bundle import Bundle
from detection.exported.files import views_of
from detection.exported.runtime import Runtime
from detection.faces.align import FaceFrame
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
        self, images: Sequence[Image.Image], frames: Sequence[FaceFrame | None]
    ) -> list[list[float]]:
        cut = cuts(images, list(self._views.values()), frames)
        inputs = {name: cut[view] for name, view in self._views.items()}
        found: list[list[float]] = self._runtime.probabilities(inputs).tolist()
        return found
