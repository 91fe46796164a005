"""The documents' networks have the documents' sizes."""

import torch
from torch import nn

from detection.networks.dual_branch import DualBranch
from detection.networks.ela_cnn import ElaCnn
from detection.networks.resnet import ResNetHead
from detection.networks.unet import UNet


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_recipe_e_has_the_parameters_that_its_document_prints() -> None:
    with torch.device("meta"):
        assert size(ElaCnn()) == 24_225_165
        assert size(ElaCnn(rectified=False, scale=255.0)) == 24_225_165
    assert ElaCnn(side=32, cells=4)(torch.zeros(2, 3, 32, 32)).shape == (2, 1)


def test_without_rectifiers_recipe_es_convolutions_are_linear() -> None:
    x = torch.rand(1, 3, 32, 32)
    for rectified, linear in ((False, True), (True, False)):
        network = ElaCnn(side=32, rectified=rectified).eval()
        convolved = network.features[:4]
        zero = convolved(torch.zeros_like(x))
        assert torch.allclose(convolved(3 * x) - zero, 3 * (convolved(x) - zero), atol=1e-4) == linear
    scaled, plain = ElaCnn(side=32, scale=255.0).eval(), ElaCnn(side=32).eval()
    plain.load_state_dict(scaled.state_dict())
    assert torch.allclose(scaled(x), plain(255 * x))


def test_recipe_d_joins_two_branches_of_32_filters() -> None:
    with torch.device("meta"):
        branch = (3 * 9 * 32 + 32) + (32 * 9 * 32 + 32)
        assert size(DualBranch()) == 2 * branch + (64 * 64 * 64 + 1) * 256 + 257 * 2
    assert DualBranch(side=32, cells=4)(torch.zeros(2, 6, 32, 32)).shape == (2, 2)


def test_recipe_d_reads_both_branches() -> None:
    network = DualBranch(side=16).eval()
    x = torch.rand(1, 6, 16, 16)
    for part in (slice(0, 3), slice(3, 6)):
        changed = x.clone()
        changed[:, part] = 0
        assert not torch.equal(network(x), network(changed))


def test_recipe_u_has_five_levels_and_gives_a_mask_of_the_same_size() -> None:
    network = UNet()
    assert [network.get_submodule(f"down.{n}.0").out_channels for n in range(len(network.down))] == [
        16,
        32,
        64,
        128,
    ]
    assert network.bottom[0].out_channels == 256
    assert network(torch.zeros(2, 3, 64, 48)).shape == (2, 1, 64, 48)


def test_recipe_r_learns_what_its_document_lets_learn() -> None:
    with torch.device("meta"):
        network = ResNetHead()
    network.freeze()
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    # Keras' ResNet-50 has a bias in each convolution, which the trunk's normalisations make useless here.
    biases = 2048 + 2 * (512 + 512 + 2048)
    assert learning == 11_929_297 - biases
    assert not network.trunk.layer3.training
    assert network.trunk.layer4[2].training
    network.eval()
    assert not network.trunk.layer4[2].training
