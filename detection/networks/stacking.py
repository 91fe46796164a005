"""The stacking model of approach 3 in Bikoulis (2022): one linear layer on the ReLU of the members' logits."""

from torch import Tensor, nn


class Stacking(nn.Module):
    """(B, 2 * members) logits, real and fake of each member in turn -> (B, 2) logits."""

    def __init__(self, members: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * members, 2)

    def forward(self, logits: Tensor) -> Tensor:
        return self.linear(logits.relu())
