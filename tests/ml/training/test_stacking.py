import numpy as np
import torch

from detection.networks.convnext import convnext
from ml.training.stacking import fit_stack, lift

TINY = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}


def test_a_lifted_member_says_the_same_with_higher_logits():
    for evidence in ({}, {"evidence": "local"}):
        torch.manual_seed(0)
        network = convnext("convnext_zepto_rms_ols", **TINY, **evidence).eval()
        x = torch.randn(3, 3, 64, 64)
        with torch.inference_mode():
            before = network(x)
        lift(network, 2.5)
        with torch.inference_mode():
            assert torch.allclose(network(x), before + 2.5, atol=1e-5)


def test_the_stack_hears_a_member_with_negative_logits_only_when_they_are_lifted():
    rng = np.random.default_rng(0)
    label = np.tile([0, 1], 200)
    logits = np.full((400, 8), -3.0, np.float32)
    logits[:, 1] += label + rng.normal(0, 0.3, 400).astype(np.float32)

    def right(x):
        stack = fit_stack(x, label)
        with torch.inference_mode():
            return (stack(torch.from_numpy(x)).argmax(1).numpy() == label).mean()

    assert right(logits) < 0.6
    assert right(logits + 4) > 0.9
