import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from ml.evaluation.pixels import f1_each, image_score, mean_over, pixel_figures


def masks() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    target = (torch.rand(5, 1, 12, 10, generator=rng) > 0.7).float()
    target[2] = 0
    return torch.randn(5, 1, 12, 10, generator=rng), target


def test_f1_is_that_of_scikit_learn_on_forged_pictures_only() -> None:
    outputs, target = masks()
    expected = [
        f1_score(target[i].flatten(), (outputs[i] > 0).flatten().int()) for i in range(5) if target[i].any()
    ]
    assert f1_each(outputs, target) == pytest.approx(expected, abs=1e-6)
    estimate = mean_over(outputs, target)
    assert estimate.value == pytest.approx(np.mean(expected), abs=1e-6)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 4


def test_equal_values_of_a_few_people_leave_f1_an_interval_over_people() -> None:
    target = torch.zeros(12, 1, 4, 4)
    target[:, :, 0, 0] = 1
    outputs = torch.where(target > 0, 9.0, -9.0)
    one_each, three = (mean_over(outputs, target, g) for g in (np.arange(12), np.arange(12) // 4))
    assert one_each.value == three.value == 1
    assert three.low < one_each.low < 1


def test_calling_nothing_forged_wins_accuracy_and_no_f1() -> None:
    _, target = masks()
    figures = pixel_figures(torch.full_like(target, -9.0), target)
    assert figures["pixel_f1"] == 0
    assert figures["pixel_accuracy"] == pytest.approx(float((target == 0).float().mean()))


def test_a_small_certain_patch_makes_a_picture_suspect() -> None:
    outputs = torch.full((2, 1, 50, 50), -8.0)
    outputs[1, 0, :5, :10] = 8.0
    quiet, suspect = image_score(outputs)
    assert quiet < 0.01
    assert suspect > 0.99
