"""How a network begins when nothing is loaded."""

import torch
from torch import nn


@torch.no_grad()
def glorot(network: nn.Module, seed: int) -> None:
    """Uniform weights of Glorot and Bengio (2010), zero biases: what Keras gives the documents' layers."""
    torch.manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
