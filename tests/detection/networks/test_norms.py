import torch
from timm.layers.norm import SimpleNorm

from detection.networks.norms import DeviationNorm


@torch.inference_mode()
def test_the_deviation_is_the_unbiased_one_of_the_channels() -> None:
    x = torch.randn(5, 7, dtype=torch.float64) * 3 + 2
    norm = SimpleNorm(7, dtype=torch.float64)
    expected = x / (x - x.mean(1, keepdim=True)).square().sum(1, keepdim=True).div(6).add(norm.eps).sqrt()
    assert torch.allclose(DeviationNorm(norm, channels_first=False)(x), expected)
