"""One auxiliary model on disk: auxiliary.json and one safetensors file, checked before use.

The manifest names the network, its arguments, its input, the SHA-256 of its weights and its measured figures.
A detector without measured figures is refused: a reviewer must be able to see how reliable it is.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import nn

from detection.auxiliary_files import COMPRESSION, FACE_EXTENT, MANIFEST, WEIGHTS
from detection.bundle import FACE, View
from detection.faces.align import FaceFrame
from detection.forensics import network_inputs
from detection.networks.compression_cells import CompressionCells
from detection.networks.dual_branch import DualBranch
from detection.networks.ela_cnn import ElaCnn
from detection.networks.localiser import Localiser
from detection.networks.pooled_lite0 import PooledLite0
from detection.networks.resnet import ResNetHead
from detection.networks.unet import UNet
from detection.precision import has_bfloat16
from detection.views import FaceFrameMissing, crop

FORMAT = "kyc-review/auxiliary-model/1"
NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,29}")
LARGEST_SIDE = 2048  # a larger picture is reduced first, because a view of it would take too much memory
MASK_SIDE = 1024
TOP_SHARE = 0.02  # of a mask's pixels, whose mean probability is the picture's score
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "ela_cnn": ElaCnn,
    "dual_branch": DualBranch,
    "unet": UNet,
    "resnet": ResNetHead,
    "localiser": Localiser,
    "pooled_lite0": PooledLite0,
    "compression_cells": CompressionCells,
}
VIEWS: dict[str, Callable[[Image.Image, int], np.ndarray]] = {
    "ela_nearest": network_inputs.ela_nearest,
    "ela_smooth": network_inputs.ela_smooth,
    "dual": network_inputs.dual,
    "colours": network_inputs.colours,
    "colours_residual": network_inputs.colours_residual,
    "centre": network_inputs.centre,
}


class AuxiliaryModelRefused(ValueError):
    """The folder is invalid or damaged; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class AuxiliaryModel:
    """A loaded network. title and limits: for the reviewer; metrics: figures on held-out data, by name.

    review_above: the score from which a picture that would be cleared goes to a person, None for never.
    """

    name: str
    title: str
    limits: str
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]
    view: str
    side: int
    network: nn.Module
    review_above: float | None = None

    @property
    def sees_faces(self) -> bool:
        """Whether it looks at the face and needs its place."""
        return self.view in (FACE, COMPRESSION)

    def score(
        self, image: Image.Image, frame: FaceFrame | None = None, cells: np.ndarray | None = None
    ) -> float | None:
        """Probability of *fake* in 0..1; of a mask network, the mean of the 2 % of pixels that it suspects most.

        None where the model can say nothing: one that reads the compression, of a picture without cells. frame: where
        the face is; cells: of the image's file (`cells_of_file`). Raises FaceFrameMissing when the model looks at faces
        and there is none.
        """
        if self.view == COMPRESSION:
            return self._score_of_compression(frame, cells)
        outputs = self._outputs(image, frame)
        if outputs.ndim == 4:
            return float(top_mean(torch.sigmoid(outputs))[0])
        logit = outputs[0, 1] - outputs[0, 0] if outputs.shape[1] == 2 else outputs[0, 0]
        return float(torch.sigmoid(logit))

    def _score_of_compression(self, frame: FaceFrame | None, cells: np.ndarray | None) -> float | None:
        if frame is None:
            raise FaceFrameMissing([0])
        if cells is None:
            return None
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(cells)[None])[0]
        return float(torch.sigmoid(logits[1] - logits[0]))

    def mask(self, image: Image.Image) -> np.ndarray | None:
        """Probability that a pixel was changed, (H, W) float32 in the picture's proportions, its longer side at most
        1024; None for a network that gives no mask."""
        outputs = self._outputs(image)
        if outputs.ndim != 4:
            return None
        shrink = min(1.0, MASK_SIDE / max(image.size))
        size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
        box = network_inputs.centre_box(size) if self.view == "centre" else (0, 0, *size)
        map_ = Image.fromarray(torch.sigmoid(outputs[0, 0]).numpy())
        whole = Image.new("F", size)  # zero outside the part it looked at
        whole.paste(map_.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR), box[:2])
        return np.asarray(whole)

    def _outputs(self, image: Image.Image, frame: FaceFrame | None = None) -> torch.Tensor:
        picture = image if image.mode == "RGB" else image.convert("RGB")  # a copy of a large one takes 260 MB
        if self.sees_faces:
            seen = crop(picture, View(self.side, FACE_EXTENT, frame=FACE), frame)
            # Every selfie that would be cleared is asked about, so time counts here.
            with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(torch.device("cpu"))):
                return self._judged(seen)
        return self._judged(VIEWS[self.view](network_inputs.compressed(_reduced(picture)), self.side))

    def _judged(self, seen: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None].float() / 255
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            outputs: torch.Tensor = self.network(x).float()
        return outputs


def _reduced(image: Image.Image) -> Image.Image:
    """An RGB picture with sides of at most LARGEST_SIDE; of a larger one, no full copy is made."""
    longest = max(image.size)
    if longest <= LARGEST_SIDE:
        return image
    width, height = (max(1, round(side * LARGEST_SIDE / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def top_mean(probability: torch.Tensor) -> torch.Tensor:
    """Mean of each picture's highest 2 % of pixel probabilities. probability: (N, 1, H, W) -> (N,)."""
    flat = probability.flatten(1)
    return flat.topk(max(1, round(TOP_SHARE * flat.shape[1])), dim=1).values.mean(1)


def load_auxiliary_model(path: Path) -> AuxiliaryModel:
    """Reads, verifies and builds one auxiliary. Raises AuxiliaryModelRefused."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        weights = (path / WEIGHTS).read_bytes()
    except (OSError, ValueError) as error:
        raise AuxiliaryModelRefused(
            f"{path} is not an auxiliary model ({error}): expected {MANIFEST} and {WEIGHTS}"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise AuxiliaryModelRefused(
            f"{path / MANIFEST} is no manifest that this release reads: expected format {FORMAT}"
        )
    if hashlib.sha256(weights).hexdigest() != manifest.get("sha256"):
        raise AuxiliaryModelRefused(f"{path / WEIGHTS} is not what the manifest names: its SHA-256 differs")
    try:
        return _build(manifest, weights)
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise AuxiliaryModelRefused(f"{path / MANIFEST} does not describe its network: {error}") from error


def write_auxiliary_model(
    path: Path,
    network: nn.Module,
    *,
    name: str,
    title: str,
    limits: str,
    architecture: str,
    arguments: Mapping[str, Any],
    view: str,
    side: int,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    review_above: float | None = None,
) -> AuxiliaryModel:
    """Writes weights in half precision and the manifest, and reads them back. Raises AuxiliaryModelRefused."""
    path.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    save_file(tensors, path / WEIGHTS)
    manifest = {
        "format": FORMAT,
        "name": name,
        "title": title,
        "limits": limits,
        "architecture": architecture,
        "arguments": dict(arguments),
        "view": view,
        "side": side,
        "sha256": hashlib.sha256((path / WEIGHTS).read_bytes()).hexdigest(),
        "metrics": dict(metrics),
        "provenance": dict(provenance),
        "review_above": review_above,
    }
    (path / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return load_auxiliary_model(path)


def _build(manifest: Mapping[str, Any], weights: bytes) -> AuxiliaryModel:
    if not NAME.fullmatch(manifest["name"]):
        raise ValueError(f"the name {manifest['name']!r} has characters that are not allowed")
    for key, known in (("architecture", NETWORKS), ("view", (*VIEWS, FACE, COMPRESSION))):
        if manifest[key] not in known:
            raise ValueError(f"unknown {key} {manifest[key]!r}")
    if not 16 <= int(manifest["side"]) <= 1024:
        raise ValueError(f"a side of {manifest['side']} is out of range")
    threshold = manifest.get("review_above")
    if threshold is not None and not 0 < float(threshold) <= 1:
        raise ValueError(f"a threshold of {threshold} is out of range")
    if not manifest["metrics"]:
        raise ValueError("it holds no measured figures")
    network = NETWORKS[manifest["architecture"]](**manifest["arguments"])
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in load_tensors(weights).items()}
    )
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    return AuxiliaryModel(
        name=manifest["name"],
        title=manifest["title"],
        limits=manifest["limits"],
        metrics=manifest["metrics"],
        provenance=manifest["provenance"],
        view=manifest["view"],
        side=int(manifest["side"]),
        network=network,
        review_above=None if threshold is None else float(threshold),
    )
