"""The early blocks of EfficientNet-Lite0 rewritten for serving: the same function, fewer passes over its activations.

Batch norms go into the convolutions before them; oneDNN applies ReLU6 and adds the shortcut while it writes.
"""

from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvRelu6(nn.Module):
    """relu6(conv(x)) in one kernel on the CPU. x: (B, C, H, W) float32 or bfloat16."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        if x.device.type != "cpu":
            return nn.functional.relu6(conv(x))
        padding = conv.padding
        if isinstance(conv, Conv2dSame):  # as much as stride and size need, more behind than before
            x = pad_same(x, list(conv.kernel_size), list(conv.stride), list(conv.dilation))
            padding = (0, 0)
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            conv.weight,
            conv.bias,
            padding,
            conv.stride,
            conv.dilation,
            conv.groups,
            "hardtanh",
            [0.0, 6.0],
            "",
        )


class MobileBlock(nn.Module):
    """One block of Lite0 without norms: convolutions with ReLU6, a last one without, and the shortcut if it has one."""

    def __init__(self, inner: list[nn.Module], last: nn.Conv2d, has_skip: bool) -> None:
        super().__init__()
        self.inner, self.last, self.has_skip = nn.Sequential(*inner), last, has_skip

    def forward(self, x: Tensor) -> Tensor:
        last, wide = self.last, self.inner(x)
        if not self.has_skip:
            return last(wide)
        if x.device.type != "cpu":
            return x + last(wide)
        geometry = (last.padding, last.stride, last.dilation, last.groups)
        rest: tuple[Any, ...] = (last.weight, last.bias, *geometry, "add", 1.0, None, [], None)
        return torch.ops.mkldnn._convolution_pointwise.binary(wide, x, *rest)


def fuse_mobile_blocks(network: nn.Module) -> None:
    """Replaces the blocks of Lite0 and the stem before them, in place; a network without any stays as it is."""
    for parent in list(network.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for number, child in enumerate(parent):
            if type(child) is InvertedResidual:
                parent[number] = _inverted(child)
            elif type(child) is DepthwiseSeparableConv:
                parent[number] = _separable(child)
            elif isinstance(child, Conv2dSame) and number + 1 < len(parent):
                parent[number] = _with_relu6(child, parent[number + 1])
                parent[number + 1] = nn.Identity()


def _inverted(block: Any) -> nn.Module:
    inner = [_with_relu6(block.conv_pw, block.bn1), _with_relu6(block.conv_dw, block.bn2)]
    return MobileBlock(inner, _folded(block.conv_pwl, block.bn3), block.has_skip)


def _separable(block: Any) -> nn.Module:
    inner = [_with_relu6(block.conv_dw, block.bn1)]
    return MobileBlock(inner, _folded(block.conv_pw, block.bn2), block.has_skip)


def _with_relu6(conv: nn.Conv2d, norm: Any) -> nn.Module:
    assert isinstance(norm.act, nn.ReLU6), "Lite0 has no other activation"
    return ConvRelu6(_folded(conv, norm))


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    return fuse_conv_bn_eval(conv, norm)


def can_fuse_mobile_blocks() -> bool:
    """Whether this build of torch has the fused kernels and they compute the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = InvertedResidual(8, 8, act_layer=nn.ReLU6, exp_ratio=2.0).eval()
    x = torch.linspace(-2, 2, 8 * 36).reshape(1, 8, 6, 6)
    with torch.inference_mode():
        try:
            return torch.allclose(_inverted(block)(x), block(x), atol=1e-5)
        except (AttributeError, NotImplementedError, RuntimeError):
            return False
