"""The ConvNeXt of system T's approach 3, as its listing builds it.

It differs from timm's: 64 filters in the stem, normalised by batch, and a normalised 2x2 convolution of stride 2 in
front of *every* stage, so the first stage works at an eighth of the side; GroupNorm with one group instead of a
LayerNorm over channels; depthwise convolutions without bias.
"""

import torch
from torch import Tensor, nn

STEM = 64
DEPTHS, WIDTHS = (3, 4, 6, 4), (256, 512, 1024, 2048)
LAYER_SCALE = 1e-6


class Block(nn.Module):
    """(B, C, H, W) -> the same shape: the input plus depthwise 7x7, norm, a dense layer to 4 C and back, scaled."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, bias=False, groups=width),
            nn.GroupNorm(1, width),
            nn.Conv2d(width, 4 * width, 1),
            nn.GELU(),
            nn.Conv2d(4 * width, width, 1),
        )
        self.gamma = nn.Parameter(torch.full((width,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma[:, None, None] * self.block(x)


class DocumentedConvNext(nn.Module):
    """(B, 3, S, S) float -> (B, 2) logits. widths, depths: of the stages; by default 206,583,106 weights."""

    def __init__(
        self, depths: tuple[int, ...] = DEPTHS, widths: tuple[int, ...] = WIDTHS, stem: int = STEM
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 4, stride=4), nn.BatchNorm2d(stem))
        stages = []
        for inside, width, depth in zip((stem, *widths), widths, depths, strict=False):
            stages.append(
                nn.Sequential(
                    nn.GroupNorm(1, inside),
                    nn.Conv2d(inside, width, 2, stride=2),
                    *(Block(width) for _ in range(depth)),
                )
            )
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(self.stem(x)))
        return logits
