"""One network in ONNX Runtime, used only after it gave torch's results. No torch."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detection.exported.files import NETWORK, EngineRefused, Export, test_inputs

# Pictures at once in one thread. More take memory for their activations (16: 0.5 GB more with two threads) and are
# hardly faster (2: by a twentieth).
BATCH_MAX = 1
# Of log-odds: a probability moves by at most a quarter of that. Float32 keeps seven digits of large ones.
TOLERANCE, TOLERANCE_OF_LARGE = 0.004, 1e-5


class Runtime:
    """Called by several threads at once, each of which computes alone."""

    def __init__(self, export: Export, network: bytes) -> None:
        """Raises EngineRefused: ONNX Runtime is missing, cannot run the network, or computes something else."""
        try:
            import onnxruntime
        except ImportError as missing:
            raise EngineRefused(
                f"ONNX Runtime cannot be loaded; install the extra `onnx`: {missing}"
            ) from missing
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            # From a file, because a session keeps the bytes that it was made of. What was verified is what is loaded.
            with tempfile.TemporaryDirectory(prefix="kyc-network-") as private:
                file = Path(private) / NETWORK
                file.write_bytes(network)
                self._session: Any = onnxruntime.InferenceSession(
                    str(file), options, providers=["CPUExecutionProvider"]
                )
            self._check(export)
        except EngineRefused:
            raise
        except Exception as error:  # onnxruntime's own errors derive from Exception only
            raise EngineRefused(f"ONNX Runtime cannot run the network: {error}") from error

    def log_odds(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of *fake*, (B, voters) float32. inputs: by name, with the shapes of the export."""
        return self._outputs(inputs)[0]

    def probabilities(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of *fake*, (B, voters) float64 in 0..1. inputs: as of `log_odds`."""
        # The form that overflows on neither side.
        return 0.5 * (1 + np.tanh(0.5 * self.log_odds(inputs).astype(np.float64)))

    def _outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        count = len(next(iter(inputs.values())))
        found = [
            self._session.run(None, {name: each[start : start + BATCH_MAX] for name, each in inputs.items()})
            for start in range(0, count, BATCH_MAX)
        ]
        return [np.concatenate(each) for each in zip(*found, strict=True)]

    def _check(self, export: Export) -> None:
        """All outputs, also those that no vote is made of."""
        expected = np.asarray(export.expected, np.float64)
        allowed = TOLERANCE + TOLERANCE_OF_LARGE * np.abs(expected)
        inputs = {name: test_inputs(shape) for name, shape in export.inputs.items()}
        found = np.concatenate(self._outputs(inputs), 1)
        if found.shape != expected.shape:
            raise EngineRefused(f"ONNX Runtime gives {found.shape} results instead of {expected.shape}")
        differs = np.abs(found - expected)
        if not (differs <= allowed).all():  # also when one is no number
            raise EngineRefused(
                f"ONNX Runtime differs from torch by {differs.max():.4f} of log-odds; {TOLERANCE} is allowed"
            )
