"""The network of recipe R: ResNet-50 (He et al. 2015, https://arxiv.org/abs/1512.03385) with a convolutional head."""

from typing import Any, Self

import timm
import torch
from torch import Tensor, nn

MEAN, DEVIATION = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # of ImageNet, which the trunk's weights expect
HEAD_FILTERS = (16, 32, 64, 128, 256, 512)


class ResNetHead(nn.Module):
    """(B, 3, S, S) RGB in 0..1 -> (B, 1) logit of *fake*.

    The trunk's map passes batch normalisation, six 3x3 convolutions of 16 to 512 filters, each with ReLU, batch
    normalisation and dropout 0.5, global pooling, dense 128, dropout 0.5.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, architecture: str = "resnet50", pretrained: bool = False) -> None:
        super().__init__()
        trunk: Any = timm.create_model(architecture, pretrained=pretrained, num_classes=0, global_pool="")
        self.trunk: Any = trunk
        self.frozen = False
        width = int(trunk.num_features)
        layers: list[nn.Module] = [nn.BatchNorm2d(width)]
        for inside, outside in zip((width, *HEAD_FILTERS), HEAD_FILTERS, strict=False):
            layers += [
                nn.Conv2d(inside, outside, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm2d(outside, eps=0.001),
                nn.Dropout(0.5),
            ]
        self.head = nn.Sequential(
            *layers,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(HEAD_FILTERS[-1], 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 1),
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        logit: Tensor = self.head(self.trunk((x - self.mean) / self.deviation))
        return logit

    def freeze(self) -> Self:
        """Makes only the trunk's last 25 layers, as Keras counts them, and the head trainable.

        These are the third convolution of the last stage's first block, both its normalisations, and what follows.
        """
        self.frozen = True
        for parameter in self.trunk.parameters():
            parameter.requires_grad_(False)
        for part in self._learning():
            for parameter in part.parameters():
                parameter.requires_grad_(True)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Frozen normalisations keep their statistics, too."""
        super().train(mode)
        if mode and self.frozen:
            self.trunk.eval()
            for part in self._learning():
                part.train()
        return self

    def _learning(self) -> list[nn.Module]:
        first, *others = self.trunk.layer4
        return [first.conv3, first.bn3, first.downsample[1], *others]
