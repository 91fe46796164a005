"""A faster form of timm's SimpleNorm (x / std(x), the norm of its `*_rms` ConvNeXts) for serving on a CPU.

torch.var in bfloat16 takes half of a forward pass there; layer norm's fused kernel computes the same
deviation. With n channels, rsqrt(var_unbiased + eps) = sqrt((n - 1) / n) * rsqrt(var_biased + eps * (n - 1) /
n), which is exact.
"""

import torch
from timm.layers.norm import SimpleNorm, SimpleNorm2d
from torch import Tensor, nn


class DeviationNorm(nn.Module):
    """x / std(x) over the channels, times a weight: (..., C), or (B, C, H, W) with `channels_first`."""

    weight: Tensor | None

    def __init__(self, norm: SimpleNorm | SimpleNorm2d, channels_first: bool) -> None:
        super().__init__()
        channels = norm.normalized_shape[0]
        bessel = (channels - 1) / channels
        self.shape, self.eps, self.channels_first = (channels,), norm.eps * bessel, channels_first
        self.scale = bessel**0.5
        # A weight of ones was folded into the next layer and is skipped here.
        weighs = norm.weight is not None and bool((norm.weight != 1).any())
        self.register_buffer("weight", norm.weight.detach() if weighs else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.channels_first:
            x = x.permute(0, 2, 3, 1)
        _, _, rstd = torch.native_layer_norm(x, self.shape, None, None, self.eps)
        x = x * (rstd * self.scale).to(x.dtype)
        if self.weight is not None:
            x = x * self.weight.to(x.dtype)
        return x.permute(0, 3, 1, 2) if self.channels_first else x
