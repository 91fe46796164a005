"""The regression on frozen features; the whole recipe runs in test_recipes.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ml.recipes.base import Budget, Context
from ml.recipes.frozen_lite0 import STRENGTHS, chosen, cross_validated, fake, network_of


def clouds(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that differ in the first of 30 features."""
    rng = np.random.default_rng(0)
    label = np.arange(count) % 2
    x = rng.normal(size=(count, 30))
    x[:, 0] += 2 * label
    return x, label


def test_the_regression_is_the_best_of_its_strengths_on_validation() -> None:
    x, label = clouds()
    model = chosen(x, label, np.arange(100), np.arange(100, 150))
    assert model[-1].C in STRENGTHS
    assert ((fake(model, x[150:]) > 0.5) == label[150:]).mean() > 0.7


def test_no_group_is_on_both_sides_of_a_fold() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(50).astype(str), 4)
    label = np.repeat(rng.integers(0, 2, 50), 4)  # a person has one label, and nothing but the person is seen
    x = np.repeat(rng.normal(size=(50, 30)), 4, axis=0)
    found = cross_validated(x, label, group)
    assert found["auc_five_folds"]["low"] < 0.5 < found["auc_five_folds"]["high"]


def test_without_the_package_a_smoke_run_says_that_its_weights_are_random(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("ml.recipes.frozen_lite0", "ml.training.pretrained"):
        monkeypatch.setattr(f"{module}.is_installed", lambda: False)
    budget = Budget(1, 2, 32)
    smoke = Context(tmp_path, tmp_path, budget, torch.device("cpu"), smoke=True)
    assert network_of(smoke)[1].startswith("random")
    with pytest.raises(ValueError, match="the ImageNet weights are not installed"):
        network_of(Context(tmp_path, tmp_path, budget, torch.device("cpu")))
