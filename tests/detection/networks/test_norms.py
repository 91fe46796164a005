import copy

import torch
from timm.layers import SimpleNorm, SimpleNorm2d

from detection.networks.convnext import convnext
from detection.networks.norms import DeviationNorm, quicken


@torch.inference_mode()
def test_a_quickened_network_computes_what_it_did() -> None:
    torch.manual_seed(0)
    network = convnext("convnext_zepto_rms_ols", depths=[1, 1, 1, 1], dims=[8, 16, 24, 32]).eval()
    for module in network.modules():
        if isinstance(module, SimpleNorm | SimpleNorm2d):
            module.weight.normal_()
    quick = quicken(copy.deepcopy(network))
    x = torch.randn(3, 3, 64, 64)
    assert torch.allclose(quick(x), network(x), atol=1e-5)
    assert any(isinstance(module, DeviationNorm) for module in quick.modules())
    assert not any(isinstance(module, SimpleNorm | SimpleNorm2d) for module in quick.modules())


@torch.inference_mode()
def test_the_deviation_is_the_unbiased_one_of_the_channels() -> None:
    x = torch.randn(5, 7, dtype=torch.float64) * 3 + 2
    norm = SimpleNorm(7, dtype=torch.float64)
    expected = x / (x - x.mean(1, keepdim=True)).square().sum(1, keepdim=True).div(6).add(norm.eps).sqrt()
    assert torch.allclose(DeviationNorm(norm, channels_first=False)(x), expected)
