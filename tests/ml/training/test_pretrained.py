from pathlib import Path

import pytest
import timm
import torch

from detection.networks.convnext import convnext
from detection.networks.hybrid import HYBRID, LITE0
from ml.training import pretrained
from ml.training.pretrained import (
    INPUT_SCALE,
    PretrainedMissing,
    digest,
    is_installed,
    lite0_weights,
    start_from_lite0,
)

# Over names and values of timm's tensors: known from the published file, so another order or file is noticed.
DIGEST = "0e6eac3920806d21"
needs_package = pytest.mark.skipif(not is_installed(), reason="the extra `pretrained` is not installed")


@needs_package
def test_every_tensor_of_the_package_finds_its_place(tmp_path: Path) -> None:
    weights = lite0_weights(tmp_path)
    network = timm.create_model(LITE0, num_classes=0)
    network.load_state_dict(weights)  # strict: all names, all shapes
    assert digest(weights).startswith(DIGEST)
    assert all(float(v.min()) >= 0 for name, v in weights.items() if name.endswith("running_var"))
    assert digest(lite0_weights(tmp_path)).startswith(DIGEST)  # now from the cache


@needs_package
def test_features_of_two_pictures_differ_and_are_no_noise(tmp_path: Path) -> None:
    network = timm.create_model(LITE0, num_classes=0).eval()
    network.load_state_dict(lite0_weights(tmp_path))
    ramp = torch.linspace(-1, 1, 96).expand(1, 3, 96, 96)
    checks = (
        (torch.arange(96)[:, None] // 8 + torch.arange(96) // 8).remainder(2).float().expand(1, 3, 96, 96)
    )
    with torch.inference_mode():
        features = network(torch.cat([ramp, ramp + 0.02, checks]))
    near = torch.nn.functional.cosine_similarity(features[0], features[1], dim=0)
    far = torch.nn.functional.cosine_similarity(features[0], features[2], dim=0)
    assert features.isfinite().all()
    assert near > 0.95 > far


@needs_package
@pytest.mark.parametrize("arguments", [{}, {"evidence": "local"}])
def test_a_hybrid_begins_with_lite0s_maps(tmp_path: Path, arguments: dict[str, str]) -> None:
    """Its stride 16 map before the projection is Lite0's own, whose input has twice the deviation."""
    weights = lite0_weights(tmp_path)
    lite = timm.create_model(LITE0, num_classes=0).eval()
    lite.load_state_dict(weights)
    network = convnext(HYBRID, **arguments).eval()
    start_from_lite0(network, weights)
    hybrid = network.get_submodule("backbone") if arguments else network
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = x * INPUT_SCALE, x
        for name in ("conv_stem", "bn1", *(f"blocks.{block}" for block in range(5))):
            expected = lite.get_submodule(name)(expected)
        for name in ("stem", "stages.0", "stages.1", "stages.2.0", "stages.2.1"):
            found = hybrid.get_submodule(name)(found)
    assert torch.allclose(found, expected, atol=1e-4)


def test_without_the_package_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(PretrainedMissing, match="extra `pretrained`"):
        lite0_weights(tmp_path)


def test_a_file_with_other_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = timm.create_model(LITE0).state_dict()
    state["conv_stem.weight"] = torch.zeros(32, 3, 5, 5)
    torch.save(state, tmp_path / "other.pth")
    monkeypatch.setattr(pretrained, "_package_file", lambda: tmp_path / "other.pth")
    with pytest.raises(PretrainedMissing, match="conv_stem"):
        lite0_weights(tmp_path / "cache")
    assert not (tmp_path / "cache" / pretrained.CACHED).exists()


def test_another_architecture_has_no_place_for_them() -> None:
    with pytest.raises(TypeError, match="hybrid_lite0"):
        start_from_lite0(convnext("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 8, 8, 8)), {})
