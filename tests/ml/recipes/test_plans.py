"""Losses, rates and beginnings of single recipes, against independent formulas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ml.recipes.base import Budget, Context
from ml.recipes.d_dual_branch import class_weighted
from ml.recipes.faces import without_weights
from ml.recipes.forensic import documented_draw, stratified_draw
from ml.recipes.initial import SCRATCH, glorot, trunk
from ml.recipes.r_resnet import reduced
from ml.recipes.u_unet import mask_loss


def test_class_weights_make_both_classes_count_alike() -> None:
    loss = class_weighted(np.array([0] * 90 + [1] * 10))
    logits = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 0, 0, 0, 1, 1])
    each = F.cross_entropy(logits, target, reduction="none")
    expected = (each[:4].sum() * (100 / 180) + each[4:].sum() * (100 / 20)) / 6
    assert float(loss(logits, target)) == pytest.approx(float(expected), rel=1e-6)


def test_the_rate_falls_to_a_tenth_after_three_epochs_without_gain_and_stops_at_its_floor() -> None:
    losses = [1.0, 0.9, 0.9, 0.9]
    history = [{"loss": value} for value in losses]
    assert reduced(0, history) == pytest.approx(1e-4)
    assert reduced(0, [*history, {"loss": 0.9}]) == pytest.approx(1e-5)
    assert reduced(0, history + [{"loss": 0.9}] * 40) == pytest.approx(1e-6)


def test_the_mask_loss_is_near_zero_for_a_perfect_mask_and_punishes_an_empty_one() -> None:
    target = torch.zeros(2, 1, 16, 16)
    target[0, 0, 4:8, 4:8] = 1
    assert float(mask_loss(40 * target - 20, target)) < 0.01
    assert float(mask_loss(torch.full_like(target, -20.0), target)) > 0.9


def test_the_documented_draw_is_balanced_disjoint_and_a_tenth() -> None:
    label = np.array([0] * 300 + [1] * 100)
    train, held = documented_draw(label, np.random.default_rng(0), True)
    assert not set(train) & set(held)
    assert np.bincount(label[train]).tolist() == [90, 90]
    assert np.bincount(label[held]).tolist() == [10, 10]
    _, held = documented_draw(label, np.random.default_rng(0), False)
    assert np.bincount(label[held]).tolist() == [30, 10]


def test_recipe_rs_draw_holds_out_a_fifth_of_each_class() -> None:
    label = np.array([0] * 300 + [1] * 100)
    train, held = stratified_draw(label, 0, 0.2)
    assert sorted([*train, *held]) == list(range(400))
    assert np.bincount(label[held]).tolist() == [60, 20]


def test_without_pretrained_weights_the_documents_figure_is_not_run_and_ours_says_from_scratch() -> None:
    told = without_weights({"accuracy": 0.5}, {"accuracy": 0.97}, "ImageNet weights of ResNet-50")
    assert told["accuracy_from_scratch"] == 0.5
    assert told["accuracy"]["missing"].startswith("not run: needs ImageNet weights of ResNet-50")


def context_of(out: Path, weights: Path | None = None) -> Context:
    return Context(out, out, Budget(1, 2, 8), torch.device("cpu"), quiet=True, weights=weights)


def test_a_trunk_says_what_it_starts_from(tmp_path: Path) -> None:
    def make(pretrained: bool) -> nn.Module:
        if pretrained:
            raise ConnectionError("no hub")
        return nn.Linear(2, 2)

    assert trunk(make, context_of(tmp_path))[1] == SCRATCH
    assert trunk(lambda pretrained: nn.Linear(2, 2), context_of(tmp_path))[1] == "timm's pretrained weights"
    save_file({"weight": torch.ones(2, 2)}, tmp_path / "w.safetensors")
    network, said = trunk(make, context_of(tmp_path, weights=tmp_path / "w.safetensors"))
    assert said == "w.safetensors: 1 of 2 tensors"
    assert torch.equal(network.get_parameter("weight"), torch.ones(2, 2))


def test_glorot_spreads_weights_as_keras_does() -> None:
    layer = nn.Linear(300, 500)
    glorot(layer, seed=0)
    limit = (6 / 800) ** 0.5
    weight = layer.weight.detach()
    assert float(weight.abs().max()) <= limit
    assert float(weight.std()) == pytest.approx(limit / 3**0.5, rel=0.02)
    assert not layer.bias.any()
