"""A trained ConvNeXt rewritten for serving: the same function, fewer passes over its activations.

Measured on one core in bfloat16 (`convnext_zepto_rms_ols`, 128 px, batches of 16): GELU by itself took 38 %
of a forward pass, the norms 15 %. Constants after training are folded into the adjacent convolution.
"""

from typing import Any, TypeGuard

import torch
from timm.layers import GELU
from timm.layers.mlp import Mlp
from timm.layers.norm import SimpleNorm, SimpleNorm2d
from timm.models.convnext import ConvNeXt, ConvNeXtBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detection.networks.hybrid import Hybrid
from detection.networks.mobile_fusion import can_fuse_mobile_blocks, fuse_mobile_blocks
from detection.networks.norms import DeviationNorm


class ConvGelu(nn.Module):
    """GELU(conv(x)) in one oneDNN kernel, which applies the activation while its input is still in the cache.

    x: (B, C, H, W) float32 or bfloat16 on the CPU. On other devices it makes the two calls separately.
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


class ResidualBlock(nn.Module):
    """A ConvNeXt block whose last convolution adds the block's input to its output, in one oneDNN kernel.

    x: (B, C, H, W) float32 or bfloat16. With `in_place` the result is written to x, to which no other
    reference may exist.
    """

    def __init__(self, block: ConvNeXtBlock, *, in_place: bool) -> None:
        super().__init__()
        self.depthwise, self.norm = block.conv_dw, block.norm
        self.first, self.last = block.mlp.fc1, block.mlp.fc2
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        last, wide = self.last, self.first(self.norm(self.depthwise(x)))
        if x.device.type != "cpu":
            return x + last(wide)
        geometry = (last.padding, last.stride, last.dilation, last.groups)
        rest: tuple[Any, ...] = (last.weight, last.bias, *geometry, "add", 1.0, None, [], None)
        if self.in_place:
            return torch.ops.mkldnn._convolution_pointwise_.binary(x, wide, *rest)
        return torch.ops.mkldnn._convolution_pointwise.binary(wide, x, *rest)


@torch.no_grad()
def quicken(network: nn.Module) -> nn.Module:
    """Rewrite a float32 network in place, for inference only; returns it."""
    network.eval()
    if _FUSES_MOBILE:
        fuse_mobile_blocks(network)
    for block in [module for module in network.modules() if isinstance(module, ConvNeXtBlock)]:
        _fold(block)
    for parent in list(network.modules()):
        if isinstance(parent, nn.Sequential):
            _fold_batch_norms(parent)
        for name, child in parent.named_children():
            if isinstance(child, SimpleNorm | SimpleNorm2d):
                setattr(parent, name, DeviationNorm(child, isinstance(child, SimpleNorm2d)))
        if _FUSES:
            _fuse_gelu(parent)
    if _FUSES:
        for backbone in [module for module in network.modules() if isinstance(module, ConvNeXt)]:
            _fuse_residuals(backbone)
        for hybrid in [module for module in network.modules() if isinstance(module, Hybrid)]:
            _fuse_hybrid_residuals(hybrid)
    return network


def _fold(block: ConvNeXtBlock) -> None:
    """Folds batch norm into the convolution before it, other norms' weights and the layer scale into the next one."""
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


def _fold_batch_norms(parts: nn.Sequential) -> None:
    """Folds into the convolution before, or into one after it without zero padding, which would be shifted too."""
    for number in range(len(parts) - 1):
        first, second = parts[number], parts[number + 1]
        if (
            isinstance(first, nn.Conv2d) and type(second) is nn.BatchNorm2d
        ):  # timm's subclass has an activation
            parts[number], parts[number + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
        elif type(first) is nn.BatchNorm2d and isinstance(second, nn.Conv2d) and _has_no_border(second):
            parts[number], parts[number + 1] = nn.Identity(), _after_norm(first, second)


def _has_no_border(conv: nn.Conv2d) -> bool:
    return conv.padding == (0, 0) and conv.groups == 1


def _after_norm(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """conv(norm(x)) as one convolution."""
    assert norm.running_mean is not None, "a trained network has statistics"
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    bias = torch.einsum("oihw,i->o", conv.weight, shift)
    conv.bias = nn.Parameter(bias if conv.bias is None else conv.bias + bias)
    conv.weight.mul_(scale.view(1, -1, 1, 1))
    return conv


def _fuse_residuals(backbone: ConvNeXt) -> None:
    """A caller may keep a stage's output, so only tensors created inside a stage are overwritten."""
    for number, stage in enumerate(backbone.stages.children()):
        is_own = number == 0 or not isinstance(stage.downsample, nn.Identity)
        blocks = stage.get_submodule("blocks")
        for place, (name, block) in enumerate(list(blocks.named_children())):
            if _is_plain(block):
                setattr(blocks, name, ResidualBlock(block, in_place=is_own or place > 0))


def _fuse_hybrid_residuals(hybrid: Hybrid) -> None:
    """Every block of the hybrid follows another module of its stage, whose output belongs to it."""
    for stage in hybrid.stages.children():
        assert isinstance(stage, nn.Sequential)
        for number, block in enumerate(stage):
            if _is_plain(block):
                stage[number] = ResidualBlock(block, in_place=True)


def _is_plain(block: nn.Module) -> TypeGuard[ConvNeXtBlock]:
    if not isinstance(block, ConvNeXtBlock):
        return False
    mlp, idle = block.mlp, (nn.Identity, nn.Dropout)
    return (
        isinstance(mlp.fc2, nn.Conv2d)
        and isinstance(mlp.fc1, ConvGelu)
        and all(isinstance(part, idle) for part in (mlp.norm, mlp.drop1, mlp.drop2))
        and isinstance(block.shortcut, nn.Identity)
        and block.gamma is None
    )


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
    """Whether this build of torch has oneDNN's fused kernels (x86 and ARM builds do) and their results agree."""
    block = ConvNeXtBlock(4, conv_mlp=True, norm_layer=nn.Identity, ls_init_value=None).eval()
    x = torch.linspace(-2, 2, 64).reshape(1, 4, 4, 4)
    with torch.inference_mode():
        expected = block(x)
        _fuse_gelu(block.mlp)
        try:
            return all(
                torch.allclose(ResidualBlock(block, in_place=in_place)(x.clone()), expected, atol=1e-5)
                for in_place in (False, True)
            )
        except (AttributeError, NotImplementedError, RuntimeError):
            return False


_FUSES = _can_fuse()
_FUSES_MOBILE = can_fuse_mobile_blocks()
