"""The network of recipe D: one branch over the ELA image, one over the SRM residual, joined before the dense layer."""

import torch
from torch import Tensor, nn


class DualBranch(nn.Module):
    """(B, 6, side, side) in 0..1, ELA in the first three channels and the rescaled residual in the others -> (B, 2).

    Each branch: two 3x3 convolutions of `filters`, max-pool. Joined: dropout 0.25, dense, dropout 0.5, two logits.
    cells: the joined map is averaged to cells x cells first (None keeps it whole, 67 million weights at side 128).
    """

    def __init__(
        self, side: int = 128, filters: int = 32, dense: int = 256, cells: int | None = None
    ) -> None:
        super().__init__()
        across = side // 2 if cells is None else cells
        self.ela = _branch(filters)
        self.srm = _branch(filters)
        self.head = nn.Sequential(
            nn.Identity() if cells is None else nn.AdaptiveAvgPool2d(cells),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(2 * filters * across * across, dense),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(dense, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.ela(x[:, :3]), self.srm(x[:, 3:])], dim=1)
        logits: Tensor = self.head(joined)
        return logits


def _branch(filters: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, filters, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
