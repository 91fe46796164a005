"""The network of recipe E: a small CNN over an ELA image, as in the notebook that the recipe reproduces."""

from torch import Tensor, nn


class ElaCnn(nn.Module):
    """(B, 3, side, side) ELA image in 0..1 -> (B, 1) logit of *fake*.

    Two 5x5 convolutions without padding, max-pool, dropout 0.25, dense, dropout 0.5, one output. cells: the feature map
    is averaged to cells x cells before the dense layer (None keeps it whole, 24 million weights at side 150).
    rectified: a ReLU after each convolution, which the notebook does not have; scale: factor on the inputs, 255 gives
    the notebook's 0..255.
    """

    def __init__(
        self,
        side: int = 150,
        filters: int = 32,
        dense: int = 150,
        cells: int | None = None,
        rectified: bool = True,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale = scale
        across = (side - 8) // 2 if cells is None else cells
        self.features = nn.Sequential(
            nn.Conv2d(3, filters, 5),
            nn.ReLU() if rectified else nn.Identity(),
            nn.Conv2d(filters, filters, 5),
            nn.ReLU() if rectified else nn.Identity(),
            nn.MaxPool2d(2),
            nn.Identity() if cells is None else nn.AdaptiveAvgPool2d(cells),
            nn.Dropout(0.25),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(filters * across * across, dense),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(dense, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        logit: Tensor = self.head(self.features(x * self.scale))
        return logit
