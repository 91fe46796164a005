"""The plain CNN of system T (approach 1): six 3x3 convolutions, the first with 32 filters, the others with 64, each
with ReLU and 2x2 max-pooling, then dense layers of 64 and 2. (The document's text has six, its listing five.)
"""

from torch import Tensor, nn

LAYERS, FIRST, OTHERS, DENSE = 6, 32, 64, 64


class SimpleCnn(nn.Module):
    """(B, 3, side, side) float in 0..1 -> (B, 2) logits (real, fake). A smaller picture gets fewer convolutions."""

    def __init__(self, side: int = 256) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        channels, width = 3, side
        for number in range(LAYERS):
            if width < 4:  # the minimum for a valid convolution and a pooling
                break
            wanted = OTHERS if number else FIRST
            parts += [nn.Conv2d(channels, wanted, 3), nn.ReLU(), nn.MaxPool2d(2)]
            channels, width = wanted, (width - 2) // 2
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * width * width, DENSE), nn.ReLU(), nn.Linear(DENSE, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
