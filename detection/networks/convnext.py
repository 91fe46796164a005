"""ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545), as timm implements it (Apache-2.0).

With the argument `evidence: "local"` its score also uses single locations: an edit covers little of a face,
and a mean over the whole picture hides it.
"""

import math
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detection.bundle import ARCHITECTURES, BundleRefused
from detection.networks.hybrid import HYBRID, Hybrid

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


LOCAL = "local"


class LocalEvidence(nn.Module):
    """A ConvNeXt whose two logits are its pooled head's plus a score of the most suspicious locations.

    The last two stages' maps each give a score per location; the finer map, with the coarser added, is pooled
    by log-mean-exp, which lies between mean and maximum (Pinheiro and Collobert, 2015, eq. 6, with r = 1).
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone: Any = backbone  # timm's attributes have no types
        self.feature_info = backbone.feature_info
        fine, coarse = (stage["num_chs"] for stage in self.feature_info[-2:])
        self.fine = nn.Sequential(nn.BatchNorm2d(fine), nn.Conv2d(fine, 1, 1))
        self.coarse = nn.Sequential(nn.BatchNorm2d(coarse), nn.Conv2d(coarse, 1, 1))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) float, H and W multiples of 32 -> (B, 2) logits, real and fake."""
        return classify(self, features(self, x))


def features(network: Any, x: Tensor) -> list[Tensor]:
    """The maps of the four stages, with strides 4, 8, 16 and 32. x: (B, 3, H, W) float."""
    backbone = network.backbone if isinstance(network, LocalEvidence) else network
    x, maps = backbone.stem(x), []
    for stage in backbone.stages:
        x = stage(x)
        maps.append(x)
    return maps


def classify(network: Any, maps: list[Tensor]) -> Tensor:
    """(B, 2) logits from the maps of `features`."""
    if not isinstance(network, LocalEvidence):
        return network.forward_head(network.norm_pre(maps[-1]))
    pooled = network.backbone.forward_head(network.backbone.norm_pre(maps[-1]))
    places = network.fine(maps[-2])
    places = places + F.interpolate(network.coarse(maps[-1]), size=places.shape[-2:])
    each = places.float().flatten(1)
    score = (torch.logsumexp(each, 1, keepdim=True) - math.log(each.shape[1])) * network.gain
    return pooled + torch.cat([-score, score], 1)


def convnext(architecture: str, **arguments: Any) -> nn.Module:
    """A ConvNeXt with two logits (real, fake): (B, 3, H, W) float -> (B, 2).

    architecture: a name of timm's ConvNeXt V1 family, or `hybrid_lite0` for ConvNeXt blocks on Lite0's early blocks.
    arguments: timm's (none for the hybrid), and `evidence`: "local" for a LocalEvidence around it. Raises BundleRefused
    for another name or an argument that is not allowed.
    """
    if not ARCHITECTURES.fullmatch(architecture) or architecture not in (
        HYBRID,
        *timm.list_models("convnext*"),
    ):
        raise BundleRefused(
            f"unknown architecture {architecture!r}; timm's ConvNeXt V1 models and {HYBRID} are allowed"
        )
    evidence = arguments.pop("evidence", None)
    if evidence not in (None, LOCAL):
        raise BundleRefused(
            f"{architecture}: evidence {evidence!r} is unknown; leave it out or say {LOCAL!r}"
        )
    if unknown := set(arguments) - (set() if architecture == HYBRID else ARGUMENTS):
        raise BundleRefused(f"{architecture}: arguments {sorted(unknown)} are not allowed")
    network: nn.Module
    if architecture == HYBRID:
        network = Hybrid()
    else:
        network = timm.create_model(architecture, pretrained=False, num_classes=2, **arguments)
    return LocalEvidence(network) if evidence else network
