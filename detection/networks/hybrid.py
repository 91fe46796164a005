"""ConvNeXt blocks on the early blocks of EfficientNet-Lite0, which can start from ImageNet weights.

A few thousand faces are too few to learn the first filters from; the early blocks of a pretrained network bring them.
Lite0 (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, as timm implements it) runs to
stride 16, then come three ConvNeXt blocks of 160 channels and, at stride 32, two of 256: 2.6 million parameters.
"""

from typing import Any

import timm
from timm.layers.classifier import NormMlpClassifierHead
from timm.models.convnext import ConvNeXtBlock
from torch import Tensor, nn

HYBRID = "hybrid_lite0"
LITE0 = "tf_efficientnet_lite0"
LAYER_SCALE = 0.2
WIDTHS = (160, 256)
DEPTHS = (3, 2)


class Hybrid(nn.Module):
    """(B, 3, H, W) float, H and W multiples of 32 -> (B, 2) logits, real and fake.

    It has the parts of timm's ConvNeXt that `features` and `classify` use: a stem and four stages with the strides
    4, 8, 16 and 32, a norm before the head, and the head.
    """

    def __init__(self) -> None:
        super().__init__()
        early: Any = timm.create_model(LITE0, pretrained=False, num_classes=0)
        blocks = early.blocks
        last = blocks[4][-1].conv_pwl.out_channels
        self.stem = nn.Sequential(early.conv_stem, early.bn1, blocks[0])
        self.stages = nn.Sequential(
            blocks[1],
            blocks[2],
            nn.Sequential(
                blocks[3], blocks[4], nn.Conv2d(last, WIDTHS[0], 1), *_convnext_blocks(WIDTHS[0], DEPTHS[0])
            ),
            nn.Sequential(
                nn.BatchNorm2d(WIDTHS[0]),
                nn.Conv2d(WIDTHS[0], WIDTHS[1], 2, 2),
                *_convnext_blocks(WIDTHS[1], DEPTHS[1]),
            ),
        )
        self.feature_info = [
            {"num_chs": channels, "reduction": reduction}
            for channels, reduction in ((24, 4), (40, 8), (WIDTHS[0], 16), (WIDTHS[1], 32))
        ]
        self.norm_pre = nn.Identity()
        self.head = NormMlpClassifierHead(WIDTHS[1], 2, norm_layer="layernorm2d")

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.norm_pre(self.stages(self.stem(x))))

    def forward_head(self, x: Tensor) -> Tensor:
        """(B, 2) logits from the last stage's map, (B, 256, H / 32, W / 32)."""
        logits: Tensor = self.head(x)
        return logits


def _convnext_blocks(width: int, depth: int) -> list[nn.Module]:
    return [
        ConvNeXtBlock(width, conv_mlp=True, norm_layer=nn.BatchNorm2d, ls_init_value=LAYER_SCALE)
        for _ in range(depth)
    ]
