"""A small network on histograms of DCT coefficients: is a part of the face compressed otherwise than the rest?"""

import torch
from torch import Tensor, nn


class CompressionCells(nn.Module):
    """(B, parts + 2, values) of `detection.forensics.compression_cells` -> (B, 2) logits, real and fake.

    Each part of the face is compared with the surroundings by the same layers; their mean and maximum are judged with
    the whole face, so that an edit of one part counts as much as one of all.
    """

    def __init__(self, values: int, width: int = 64, dropout: float = 0.2) -> None:
        super().__init__()
        self.arguments = {"values": values, "width": width, "dropout": dropout}
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(3 * values))
        self.register_buffer("deviation", torch.ones(3 * values))
        self.part = _layers(3 * values, width, dropout)
        self.face = _layers(3 * values, width, dropout)
        self.judge = nn.Sequential(
            nn.Linear(3 * width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, 2)
        )

    def adopt_scale(self, x: Tensor) -> None:
        """Sets what inputs are centred on and divided by to those of x: (B, parts + 2, values)."""
        compared = self.compared(x)
        self.mean.copy_(compared.mean((0, 1)))
        self.deviation.copy_(compared.std((0, 1)) + 0.05)

    def compared(self, x: Tensor) -> Tensor:
        """(B, parts + 1, 3 * values): each part and the face, the surroundings, and their difference."""
        inner, around = x[:, :-1], x[:, -1:].expand(-1, x.shape[1] - 1, -1)
        return torch.cat([inner, around, inner - around], 2)

    def forward(self, x: Tensor) -> Tensor:
        compared = (self.compared(x) - self.mean) / self.deviation
        parts = self.part(compared[:, :-1])
        pooled = torch.cat([parts.mean(1), parts.amax(1), self.face(compared[:, -1])], 1)
        logits: Tensor = self.judge(pooled)
        return logits


class CompressionLogits(nn.Module):
    """(B, parts + 2, values) -> (B, 2) logits for a stack, half of a network's log-odds of *fake* each way.

    Both are zero where the network finds no traces of an edit: a careful edit leaves none, so their absence says
    nothing (as evidence for *real* it cost RFF's fakes 0.05 of the area, `ml/EXPERIMENTS.md`). Both are zero, too,
    where the compression cannot be read: the cells are zeros then, which those of a picture never are (a share below
    one has no logarithm of zero).
    """

    def __init__(self, network: CompressionCells) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        half = self.log_odds(x).relu() / 2
        half = half * (x.abs().sum((1, 2)) > 0)
        return torch.stack([-half, half], 1)

    def log_odds(self, x: Tensor) -> Tensor:
        """(B,) of *fake*, as the network has them."""
        logits: Tensor = self.network(x)
        return logits[:, 1] - logits[:, 0]


def _layers(values: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(values, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU()
    )
