"""The folder of one export: network.onnx and export.json, which names its SHA-256 and torch's results. No torch."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from detection.bundle import Bundle, View

FORMAT = "kyc-review/exported/1"
MANIFEST, NETWORK = "export.json", "network.onnx"
CELLS_INPUT = "cells"  # of the compression, for a bundle's `stack_input`
TEST_INPUTS = 16
PICTURE_AXES = 3
Shape = Sequence[int]
# The code and the packages whose change makes another network of the same weights.
CODE = (
    "networks/*.py",
    "exported/*.py",
    "auxiliary/*.py",
    "forensics/compression_cells.py",
    "preprocess.py",
    "views.py",
    "ensemble.py",
)
PACKAGES = ("torch", "timm", "onnx")


class EngineRefused(RuntimeError):
    """ONNX Runtime cannot or must not be used for this model; the message says why."""


@dataclass(frozen=True, slots=True)
class Export:
    """What export.json says.

    key: of `export_key`. inputs: shape of one picture of each input, by name; (side, side, 3) is uint8 RGB, another
    shape float32. expected: torch's log-odds of *fake* for each of the test inputs, one for each voter. about: of the
    model, for its user.
    """

    key: str
    sha256: str
    inputs: Mapping[str, Shape]
    expected: list[list[float]]
    about: Mapping[str, Any]


def export_key(source_digest: str) -> str:
    """Names the export of a model by this release: 64 hexadecimal digits. Raises EngineRefused."""
    digest = hashlib.sha256(source_digest.encode())
    root = Path(__file__).resolve().parents[1]
    for pattern in CODE:
        for file in sorted(root.glob(pattern)):
            digest.update(file.read_bytes())
    try:
        digest.update(" ".join(version(name) for name in PACKAGES).encode())
    except ModuleNotFoundError as missing:
        raise EngineRefused(f"the package {missing.name} is not installed, which exports models") from missing
    return digest.hexdigest()


def views_of(bundle: Bundle) -> dict[str, View]:
    """The different views of a bundle's members, by the names of their inputs."""
    views = dict.fromkeys(member.view for member in bundle.members)
    return {f"pixels_{number}": view for number, view in enumerate(views)}


def test_inputs(shape: Shape) -> np.ndarray:
    """(TEST_INPUTS, *shape), the same on every machine: stripes under more and more noise for pictures; for what is no
    picture, float32 from -5 to 0, as logarithms of shares have."""
    if len(shape) != PICTURE_AXES:
        numbers = np.arange(TEST_INPUTS * math.prod(shape), dtype=np.int64)
        return (-(numbers * 7919 % 641) / 128).astype(np.float32).reshape(TEST_INPUTS, *shape)
    side = shape[0]
    y, x = np.mgrid[:side, :side].astype(np.int64)[..., None]
    colour = np.arange(3, dtype=np.int64)
    pictures = []
    for number in range(TEST_INPUTS):
        stripes = np.abs((x * (number + 3) + y * (colour + 2) * (number % 5 + 1)) % 256 - 128) * 2
        noise = ((x * 73856093 ^ y * 19349663 ^ (number * 3 + colour) * 83492791) >> 8) % 256 - 128
        pictures.append((stripes + noise * number // 8).clip(0, 255))
    return np.stack(pictures).astype(np.uint8)


def write(
    folder: Path, *, key: str, inputs: Mapping[str, Shape], expected: Any, about: Mapping[str, Any]
) -> str:
    """export.json, for the network that the folder has already; its SHA-256. The folder must be private."""
    sha256 = hashlib.sha256((folder / NETWORK).read_bytes()).hexdigest()
    export = Export(
        key,
        sha256,
        {name: list(shape) for name, shape in inputs.items()},
        np.asarray(expected, np.float64).tolist(),
        dict(about),
    )
    text = json.dumps({"format": FORMAT, **asdict(export)}, allow_nan=False) + "\n"
    (folder / MANIFEST).write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def read(folder: Path, key: str, *, manifest_sha256: str | None = None) -> tuple[Export, bytes]:
    """The export that `key` names, and its network. Raises EngineRefused when it is damaged or another one.

    Each file is read once: what is compared with manifest_sha256, and with the manifest, are the bytes that are used.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
        if manifest_sha256 not in (None, hashlib.sha256(manifest).hexdigest()):
            raise ValueError("it is not the one that was signed")
        found = json.loads(manifest)
        if found.pop("format") != FORMAT:
            raise ValueError("it has another format")
        export = Export(**found)
        network = (folder / NETWORK).read_bytes()
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineRefused(f"{folder} is not an export: {error}") from error
    if export.key != key or hashlib.sha256(network).hexdigest() != export.sha256:
        raise EngineRefused(f"{folder} is another export than its name says, or damaged")
    return export, network
