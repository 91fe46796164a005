"""Initial weights of a network."""

from collections.abc import Callable

import torch
from torch import nn

from ml.recipes.base import Context
from ml.recipes.checkpoint import load_weights

SCRATCH = "from scratch"


def trunk(make: Callable[[bool], nn.Module], context: Context) -> tuple[nn.Module, str]:
    """A network and what it starts from, for the report: the file of `--weights`, timm's pretrained weights where their
    hub answers, nothing otherwise. make(pretrained) builds it; smoke runs ask no hub.
    """
    if context.weights:
        network = make(False)
        return network, load_weights(network, context.weights)
    if not context.smoke:
        try:
            return make(True), "timm's pretrained weights"
        except Exception as error:  # hub clients raise various errors; all mean that there are no weights
            context.say(f"no pretrained weights ({type(error).__name__}): from scratch")
    return make(False), SCRATCH


@torch.no_grad()
def he(network: nn.Module, seed: int) -> None:
    """Normal weights of He et al. (2015), zero biases: what system U asks Keras for."""
    torch.manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def glorot(network: nn.Module, seed: int) -> None:
    """Uniform weights of Glorot and Bengio (2010), zero biases: what Keras gives the documents' layers."""
    torch.manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
