"""The early blocks of EfficientNet-Lite0 with pooled features and one linear layer: small, and trained in minutes."""

from typing import Any

import timm
import torch
from torch import Tensor, nn

from detection.networks.hybrid import LITE0

CHANNELS = (24, 40, 112)  # of the maps with strides 4, 8 and 16
FEATURES = 2 * sum(CHANNELS)


class PooledLite0(nn.Module):
    """(B, 3, H, W) float RGB in 0..1 -> (B, 2) logits, real and fake. The early blocks are 0.7 million parameters.

    Their weights can be those of ImageNet (`ml.training.pretrained`); what is learned is the linear layer on mean and
    deviation of each channel at three strides.
    """

    def __init__(self) -> None:
        super().__init__()
        early: Any = timm.create_model(LITE0, pretrained=False, num_classes=0)
        blocks = early.blocks
        self.parts = nn.ModuleList(
            [
                nn.Sequential(early.conv_stem, early.bn1, blocks[0], blocks[1]),
                blocks[2],
                nn.Sequential(blocks[3], blocks[4]),
            ]
        )
        self.judge = nn.Linear(FEATURES, 2)

    def pooled(self, x: Tensor) -> Tensor:
        """(B, 352): mean and deviation of each channel at strides 4, 8 and 16."""
        found, x = [], x * 2 - 1
        for part in self.parts:
            x = part(x)
            found += [x.mean((2, 3)), x.flatten(2).std(2)]
        return torch.cat(found, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.judge(self.pooled(x))
        return logits
