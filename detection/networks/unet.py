"""The network of recipe U: U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597), batch-normalised."""

import torch
from torch import Tensor, nn


class UNet(nn.Module):
    """(B, channels, H, W) in 0..1, H and W multiples of 16 -> (B, outputs, H, W) logit that a pixel was changed.

    Five levels of width, 2, 4, 8 and 16 times `width` (the document: 16 to 256), two 3x3 convolutions each; dropout
    after every pooling and every joining.
    """

    def __init__(self, width: int = 16, dropout: float = 0.5, channels: int = 3, outputs: int = 1) -> None:
        super().__init__()
        sizes = [width * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            _block(a, b) for a, b in zip([channels, *sizes[:3]], sizes[:4], strict=True)
        )
        self.bottom = _block(sizes[3], sizes[4])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * size, size, 3, stride=2, padding=1, output_padding=1)
            for size in reversed(sizes[:4])
        )
        self.join = nn.ModuleList(_block(2 * size, size) for size in reversed(sizes[:4]))
        self.pool, self.dropout = nn.MaxPool2d(2), nn.Dropout(dropout)
        self.mask = nn.Conv2d(width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = self.dropout(self.pool(x))
        x = self.bottom(x)
        for up, join in zip(self.up, self.join, strict=True):
            x = join(self.dropout(torch.cat([up(x), kept.pop()], dim=1)))
        logits: Tensor = self.mask(x)
        return logits


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )
