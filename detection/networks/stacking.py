"""The stacking model of approach 3 in Bikoulis (2022): one linear layer on the ReLU of the members' logits."""

from torch import Tensor, nn


class Stacking(nn.Module):
    """(B, 2 * networks) logits, real and fake of each network in turn -> (B, 2) logits.

    networks: the members, and one more where the bundle has a network without a vote (`detection.bundle.StackInput`).
    """

    def __init__(self, networks: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * networks, 2)

    def forward(self, logits: Tensor) -> Tensor:
        return self.linear(logits.relu())
