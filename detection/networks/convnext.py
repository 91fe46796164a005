"""ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545), as timm implements it (Apache-2.0)."""

from typing import Any

import timm
from torch import nn

from detection.bundle import ARCHITECTURES, BundleRefused

ARGUMENTS = {
    "depths",
    "dims",
    "kernel_sizes",
    "stem_type",
    "patch_size",
    "conv_mlp",
    "ls_init_value",
    "norm_layer",
}


def convnext(architecture: str, **arguments: Any) -> nn.Module:
    """A ConvNeXt with two logits (real, fake): (B, 3, H, W) float -> (B, 2).

    Raises BundleRefused for a name outside the ConvNeXt V1 family or an argument that is not allowed.
    """
    if not ARCHITECTURES.fullmatch(architecture) or architecture not in timm.list_models("convnext*"):
        raise BundleRefused(f"unknown architecture {architecture!r}; timm's ConvNeXt V1 models are allowed")
    if unknown := set(arguments) - ARGUMENTS:
        raise BundleRefused(f"{architecture}: arguments {sorted(unknown)} are not allowed")
    return timm.create_model(architecture, pretrained=False, num_classes=2, **arguments)
