import copy

import pytest
import torch
from timm.layers import SimpleNorm, SimpleNorm2d
from torch import nn

from detection.networks.convnext import convnext
from detection.networks.fusion import ConvGelu, quicken

SMALL = {"depths": [1, 1, 1, 1], "dims": [8, 16, 24, 32]}


def trained_looking(architecture: str, **arguments: object) -> nn.Module:
    """Weights, layer scales and running statistics that are not what a fresh network has."""
    torch.manual_seed(0)
    network = convnext(architecture, **SMALL, **arguments)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("gamma", "norm.weight", "running_var")):
            tensor.data.uniform_(0.5, 1.5)
        elif name.endswith(("norm.bias", "running_mean")):
            tensor.data.normal_(std=0.3)
    return network.eval()


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("convnext_zepto_rms_ols", {}),
        ("convnext_zepto_rms_ols", {"norm_layer": "batchnorm2d", "kernel_sizes": (3, 3, 5, 7)}),
        ("convnext_atto", {}),
        ("convnext_atto_ols", {"conv_mlp": True}),
        ("convnext_atto_rms", {"conv_mlp": False}),
    ],
)
@torch.inference_mode()
def test_a_quickened_network_computes_what_it_did(architecture: str, arguments: dict) -> None:
    network = trained_looking(architecture, **arguments)
    quick = quicken(copy.deepcopy(network)).to(memory_format=torch.channels_last)
    x = torch.randn(3, 3, 64, 64)
    expected = network(x)
    assert expected.abs().max() > 0.01
    assert torch.allclose(quick(x), expected, atol=1e-5)
    assert not any(isinstance(module, SimpleNorm | SimpleNorm2d) for module in quick.modules())


@torch.inference_mode()
def test_the_fused_activation_is_exact_gelu() -> None:
    conv, x = nn.Conv2d(3, 8, 3, padding=1, stride=2), torch.randn(2, 3, 16, 16)
    fused = quicken(nn.Sequential(conv, nn.GELU()))
    assert isinstance(fused[0], ConvGelu)
    assert torch.allclose(fused(x), nn.functional.gelu(conv(x)), atol=1e-6)


@torch.inference_mode()
def test_an_approximate_gelu_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GELU(approximate="tanh"))
    assert not any(isinstance(module, ConvGelu) for module in quicken(network).modules())
