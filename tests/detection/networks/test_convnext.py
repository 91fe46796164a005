import pytest
import torch

from detection.bundle import BundleRefused
from detection.networks.convnext import convnext
from detection.networks.fusion import quicken

TINY = {"depths": (1, 1, 1, 1), "dims": (8, 16, 24, 32), "norm_layer": "batchnorm2d", "evidence": "local"}
NAME = "convnext_zepto_rms_ols"


def test_local_evidence_adds_log_mean_exp_of_the_places_to_the_pooled_score() -> None:
    torch.manual_seed(0)
    network = convnext(NAME, **TINY).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        part = network.get_submodule
        third = part("backbone.stem")(x)
        for stage in range(3):
            third = part(f"backbone.stages.{stage}")(third)
        fourth = part("backbone.stages.3")(third)
        places = part("fine")(third) + part("coarse")(fourth).repeat_interleave(2, 2).repeat_interleave(2, 3)
        score = places.flatten(1).exp().mean(1).log()
        expected = part("backbone")(x) + torch.stack([-score, score], 1)
        assert torch.allclose(network(x), expected, atol=1e-5)


def test_rewritten_for_serving_it_computes_the_same() -> None:
    torch.manual_seed(0)
    network = convnext(NAME, **TINY)
    x = torch.randn(4, 3, 64, 64)
    network.train()(x)  # batch norms learn statistics
    with torch.inference_mode():
        before = network.eval()(x)
        assert torch.allclose(quicken(network)(x), before, atol=1e-4)


def test_another_kind_of_evidence_is_refused() -> None:
    with pytest.raises(BundleRefused, match="'local'"):
        convnext(NAME, evidence="global")
