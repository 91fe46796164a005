"""Localises edits: a ConvNeXt whose stages' maps give a score for each cell."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from detection.networks.convnext import classify, convnext, features
from detection.preprocess import per_sample

FINEST = 1  # the stage with stride 8, the first whose maps are used


class WithMaskHead(nn.Module):
    """A ConvNeXt with a second head that predicts which cells are edited and which hold a seam.

    Voters are trained with it and shipped without it; `Localiser` ships with it.
    """

    def __init__(self, network: Any):
        super().__init__()
        self.network: Any = network  # timm's attributes have no types
        channels = [stage["num_chs"] for stage in network.feature_info[FINEST:]]
        self.where = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(n), nn.Conv2d(n, 2, 1)) for n in channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 3, S, S). Returns logits (B, 2) and per cell (B, 2, S/8, S/8) logits of inside and seam."""
        maps = features(self.network, x)
        edited: Tensor | None = None
        for head, each in zip(reversed(self.where), reversed(maps[FINEST:]), strict=True):
            told = head(each)
            edited = told if edited is None else told + F.interpolate(edited, size=told.shape[-2:])
        assert edited is not None
        return classify(self.network, maps), edited


class Localiser(nn.Module):
    """An auxiliary model with a mask. architecture, arguments: of `convnext`."""

    def __init__(self, architecture: str, **arguments: Any):
        super().__init__()
        self.inner = WithMaskHead(convnext(architecture, **arguments))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) RGB in 0..1, H and W multiples of 32 -> (B, 1, H, W) logits of *edited*."""
        _, edited = self.inner(per_sample(x * 255))
        return F.interpolate(edited[:, :1].float(), size=x.shape[-2:], mode="bilinear")
