"""A trained ConvNeXt rewritten for serving: the same function, fewer passes over its activations.

Measured on one core in bfloat16 (`convnext_zepto_rms_ols`, 128 px, batches of 16): GELU by itself took 38 % of a
forward pass, the norms 15 %. What is constant after training is folded into the convolution beside it.
"""

import torch
from timm.layers import GELU
from timm.layers.mlp import Mlp
from timm.layers.norm import SimpleNorm, SimpleNorm2d
from timm.models.convnext import ConvNeXtBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detection.networks.norms import DeviationNorm


class ConvGelu(nn.Module):
    """GELU(conv(x)) in one oneDNN kernel, which applies the activation while its input is still in the cache.

    x: (B, C, H, W) float32 or bfloat16 on the CPU. On other devices it is the two calls that it stands for.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        if x.device.type != "cpu":
            return nn.functional.gelu(conv(x))
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            conv.weight,
            conv.bias,
            conv.padding,
            conv.stride,
            conv.dilation,
            conv.groups,
            "gelu",
            [],
            "none",
        )


@torch.no_grad()
def quicken(network: nn.Module) -> nn.Module:
    """Rewrite a float32 network in place, for inference only; returns it."""
    network.eval()
    for block in [module for module in network.modules() if isinstance(module, ConvNeXtBlock)]:
        _fold(block)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, SimpleNorm | SimpleNorm2d):
                setattr(parent, name, DeviationNorm(child, isinstance(child, SimpleNorm2d)))
        if _FUSES:
            _fuse_gelu(parent)
    return network


def _fold(block: ConvNeXtBlock) -> None:
    """Batch norm goes into the convolution before it, other norms' weights and the layer scale into the next one."""
    if isinstance(block.norm, nn.BatchNorm2d):
        block.conv_dw = fuse_conv_bn_eval(block.conv_dw, block.norm)
        block.norm = nn.Identity()
    elif isinstance(block.norm, SimpleNorm | SimpleNorm2d) and block.norm.weight is not None:
        first = block.mlp.fc1
        first.weight.mul_(block.norm.weight.view(1, -1, *[1] * (first.weight.ndim - 2)))
        block.norm.weight.fill_(1)
    if block.gamma is not None:
        last = block.mlp.fc2
        last.weight.mul_(block.gamma.view(-1, *[1] * (last.weight.ndim - 1)))
        if last.bias is not None:
            last.bias.mul_(block.gamma)
        block.gamma = None


def _fuse_gelu(parent: nn.Module) -> None:
    if isinstance(parent, Mlp) and isinstance(parent.fc1, nn.Conv2d) and _is_gelu(parent.act):
        setattr(parent, "fc1", ConvGelu(parent.fc1))  # noqa: B010  # timm declares two types only
        parent.act = nn.Identity()
    if isinstance(parent, nn.Sequential):
        for number, (first, second) in enumerate(zip(parent, list(parent)[1:], strict=False)):
            if isinstance(first, nn.Conv2d) and _is_gelu(second):
                parent[number], parent[number + 1] = ConvGelu(first), nn.Identity()


def _is_gelu(module: nn.Module) -> bool:
    return isinstance(module, GELU | nn.GELU) and getattr(module, "approximate", "none") == "none"


def _can_fuse() -> bool:
    """Whether this build of torch has oneDNN's fused kernel (x86 and ARM builds do) and it computes the same."""
    conv, x = nn.Conv2d(4, 4, 1), torch.linspace(-2, 2, 64).reshape(1, 4, 4, 4)
    with torch.inference_mode():
        try:
            return torch.allclose(ConvGelu(conv)(x), nn.functional.gelu(conv(x)), atol=1e-5)
        except (AttributeError, NotImplementedError, RuntimeError):
            return False


_FUSES = _can_fuse()
