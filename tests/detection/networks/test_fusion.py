import copy

import pytest
import torch
from timm.layers.norm import SimpleNorm, SimpleNorm2d
from torch import nn

from detection.networks.convnext import convnext, features
from detection.networks.fusion import ConvGelu, ResidualBlock, quicken
from detection.networks.hybrid import HYBRID
from detection.networks.mobile_fusion import ConvRelu6, MobileBlock

SMALL = {"depths": [1, 2, 1, 1], "dims": [8, 16, 24, 32]}


def trained_looking(architecture: str, **arguments: object) -> nn.Module:
    """Weights, layer scales and running statistics that are not what a fresh network has."""
    torch.manual_seed(0)
    network = convnext(architecture, **({} if architecture == HYBRID else SMALL), **arguments)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("gamma", "norm.weight", "running_var", "bn1.weight", "bn2.weight", "bn3.weight")):
            tensor.data.uniform_(0.5, 1.5)
        elif name.endswith(("norm.bias", "running_mean", "bn1.bias", "bn2.bias", "bn3.bias")):
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
        (HYBRID, {}),
        (HYBRID, {"evidence": "local"}),
    ],
)
@torch.inference_mode()
def test_a_quickened_network_computes_what_it_did(architecture: str, arguments: dict) -> None:
    network = trained_looking(architecture, **arguments)
    quick = quicken(copy.deepcopy(network))
    quick.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    x = torch.randn(3, 3, 64, 64)
    expected = network(x)
    assert expected.abs().max() > 0.01
    assert torch.allclose(quick(x), expected, atol=1e-5)
    assert not any(isinstance(module, SimpleNorm | SimpleNorm2d) for module in quick.modules())


@torch.inference_mode()
def test_a_quickened_baseline_has_no_pass_of_its_own_for_norms_and_sums() -> None:
    arguments = {"norm_layer": "batchnorm2d", "kernel_sizes": (3, 3, 5, 7), "evidence": "local"}
    quick = quicken(trained_looking("convnext_zepto_rms_ols", **arguments))
    norms = [name for name, module in quick.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms == ["backbone.head.norm"]
    assert sum(isinstance(module, ResidualBlock) for module in quick.modules()) == sum(SMALL["depths"])


@pytest.mark.parametrize("side", [64, 96, 176])
@torch.inference_mode()
def test_a_quickened_hybrid_runs_no_norm_but_the_heads(side: int) -> None:
    """On sides at which its padding differs, in float32 and, as serving runs it, in bfloat16."""
    network = trained_looking(HYBRID)
    quick = quicken(copy.deepcopy(network))
    quick.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    assert sum(isinstance(module, MobileBlock) for module in quick.modules()) == 11
    assert sum(isinstance(module, ResidualBlock) for module in quick.modules()) == 5
    assert sum(isinstance(module, ConvRelu6) for module in quick.modules()) == 22
    x = torch.randn(3, 3, side, side)
    expected = network(x)
    assert torch.allclose(quick(x), expected, atol=1e-4)
    coarse = quick.to(torch.bfloat16)(x.to(torch.bfloat16)).float()
    assert torch.allclose(coarse, expected, atol=0.05 * float(expected.abs().max()) + 0.05)


@torch.inference_mode()
def test_a_quickened_network_writes_over_no_map_and_not_over_its_input() -> None:
    network = trained_looking("convnext_zepto_rms_ols", norm_layer="batchnorm2d")
    x = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
    kept, expected = x.clone(), features(network, x)
    found = features(quicken(network), x)
    assert torch.equal(x, kept)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


@torch.inference_mode()
def test_a_norm_before_a_convolution_with_a_border_stays() -> None:
    norm = nn.BatchNorm2d(3)
    network = nn.Sequential(norm, nn.Conv2d(3, 4, 3, padding=1))
    norm.get_buffer("running_mean").normal_()
    x = torch.randn(2, 3, 8, 8)
    expected = network.eval()(x)
    assert torch.allclose(quicken(network)(x), expected, atol=1e-6)


@torch.inference_mode()
def test_a_norm_between_two_convolutions_is_folded_once() -> None:
    norm = nn.BatchNorm2d(4)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), norm, nn.Conv2d(4, 5, 1))
    norm.get_buffer("running_mean").normal_()
    norm.get_buffer("running_var").uniform_(2, 3)
    x = torch.randn(2, 3, 8, 8)
    expected = network.eval()(x)
    assert torch.allclose(quicken(network)(x), expected, atol=1e-6)


@torch.inference_mode()
def test_the_fused_activation_is_exact_gelu() -> None:
    conv, x = nn.Conv2d(3, 8, 3, padding=1, stride=2), torch.randn(2, 3, 16, 16)
    fused = quicken(nn.Sequential(conv, nn.GELU()))
    assert isinstance(fused.get_submodule("0"), ConvGelu)
    assert torch.allclose(fused(x), nn.functional.gelu(conv(x)), atol=1e-6)


@torch.inference_mode()
def test_an_approximate_gelu_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GELU(approximate="tanh"))
    assert not any(isinstance(module, ConvGelu) for module in quicken(network).modules())
